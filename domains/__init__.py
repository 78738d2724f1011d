"""The domains. A new one is its folder and one line here."""

from importlib import import_module

from difusa.shared.domain import Domain

NAMES = ("heritage", "medical", "materials", "molecules")


def domain(name: str) -> Domain:
    """The domain of this name, imported when asked for. Raises ValueError naming those there are."""
    if name not in NAMES:
        raise ValueError(f"no domain {name!r}; there are: {', '.join(NAMES)}")
    return import_module(f"difusa.domains.{name}").DOMAIN
