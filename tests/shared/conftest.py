"""Trust in the tests' own keys, and somebody else's."""

import pytest


@pytest.fixture
def trust():
    from difusa.shared.passport import keys
    from difusa.shared.passport.signing import Trust

    return Trust().adding((keys.mine() and keys.folder() / "public.pem").read_bytes(), "own")


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """Somebody else's keys."""
    from difusa.shared.passport import keys

    with monkeypatch.context() as patch:
        patch.setenv("DIFUSA_KEYS", str(tmp_path / "else" / "keys"))
        return keys.mine()
