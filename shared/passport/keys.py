"""The keys that passports are signed with: an authority of one's own, the key it certifies, and the secret of watermarks.

They lie in the user's configuration folder, readable by nobody else, and never in an output; the certificates are public.
"""

import hashlib
import os
import secrets
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from difusa.shared.files import write_text

FILES = ("authority.key", "signing.key", "watermark.key", "public.pem")
YEARS_AUTHORITY, YEARS_SIGNING = 30, 10


@dataclass(frozen=True)
class Keys:
    """The key that signs, its certificate (DER), and the secret of watermarks with its public name."""

    private: object
    certificate: bytes
    secret: bytes

    @property
    def id(self) -> str:
        """Public name of the signing key: 16 hexadecimal digits."""
        return key_id(self.private.public_key())

    @property
    def watermark_id(self) -> str:
        """Public name of the watermark secret, from which the secret cannot be found."""
        return hashlib.sha256(b"difusa-watermark-id/1\n" + self.secret).hexdigest()[:16]


def folder() -> Path:
    """Where the keys lie: DIFUSA_KEYS, else difusa/keys in the user's configuration folder."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return Path(os.environ.get("DIFUSA_KEYS") or base / "difusa" / "keys")


def init(*, name: str = "Difusa") -> Path:
    """Make the keys that passports are signed with, once: an authority, a signing key, a watermark secret.

    They go to ~/.config/difusa/keys, or where DIFUSA_KEYS says, readable by you alone; they are made at first use too.
    Whoever holds signing.key can sign in your name: keep a copy in a safe place, and give away only what `difusa keys
    export` writes.

    name: who issues, as everyone who checks a file will read it: an institution, say.

    Returns the folder. Raises ValueError where there are keys already: new ones would make the old files strangers.
    """
    place = folder()
    if place.exists():
        raise ValueError(f"{place} holds keys already; to make others, name another folder by DIFUSA_KEYS")
    _make(place, name)
    print(
        f"{place}: the keys of {name!r}, {mine().id}; keep a copy, and give away only what `difusa keys export` writes"
    )
    return place


def export(*, out: Path) -> Path:
    """Write the public half of your keys: all that anybody needs to check your files, and nothing that can sign.

    out: PEM file with the certificates of the authority and of the signing key.

    Returns the file. Others use it so: difusa verify FILE --trust OUT
    """
    mine()
    write_text(Path(out), (folder() / "public.pem").read_text())
    print(f"{out}: public certificates of {mine().id}; use: difusa verify FILE --trust {out}")
    return Path(out)


def mine() -> Keys:
    """The user's keys, made at first use. Raises ValueError for a folder that lacks some, or that others can read."""
    place = folder()
    if not place.exists():
        _make(place, "Difusa")
    return _read(place, tuple((place / n).stat().st_ctime_ns for n in FILES if (place / n).exists()))


@cache
def _read(place: Path, stamps: tuple) -> Keys:
    from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

    if len(stamps) < len(FILES):
        raise ValueError(
            f"{place} should hold {', '.join(FILES)}; restore your copy, or name another folder by DIFUSA_KEYS"
        )
    for name in FILES[:3]:
        if (place / name).stat().st_mode & 0o077:
            raise ValueError(f"{place / name} can be read by others: chmod 600 {place / name}")
    try:
        private = load_pem_private_key((place / "signing.key").read_bytes(), None)
        signing = certificates((place / "public.pem").read_bytes())[0]
        secret = bytes.fromhex((place / "watermark.key").read_text().strip())
    except (ValueError, TypeError) as error:
        raise ValueError(f"{place}: a key cannot be read ({error}); restore your copy") from error
    if key_id(private.public_key()) != key_id(signing.public_key()) or len(secret) != 32:
        raise ValueError(f"{place}: the keys do not belong together; restore your copy")
    return Keys(private, signing.public_bytes(Encoding.DER), secret)


def _make(place: Path, name: str) -> None:
    """All files, in one move: of two first uses at once one wins, and both read the same keys."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    authority, signing = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    top = _certificate(f"{name} authority", authority, f"{name} authority", authority, YEARS_AUTHORITY, True)
    leaf = _certificate(name, signing, f"{name} authority", authority, YEARS_SIGNING, False)
    private = [k.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) for k in (authority, signing)]
    public = leaf.public_bytes(Encoding.PEM) + top.public_bytes(Encoding.PEM)
    fresh = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    fresh.mkdir(parents=True, mode=0o700)
    try:
        contents = (*private, secrets.token_bytes(32).hex().encode(), public)
        for file, content in zip(FILES, contents, strict=True):
            with open(fresh / file, "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as f:
                f.write(content)
                os.fsync(f.fileno())
        try:
            os.rename(fresh, place)
        except OSError:
            if not place.exists():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _certificate(name: str, key, issuer: str, issuer_key, years: int, is_authority: bool):
    """An X.509 certificate as C2PA wants it: a leaf signs e-mail and content, an authority signs certificates."""
    from cryptography import x509
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def named(text: str):
        return x509.Name(
            [x509.NameAttribute(NameOID.ORGANIZATION_NAME, text), x509.NameAttribute(NameOID.COMMON_NAME, text)]
        )

    start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    usage = dict.fromkeys(
        (
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    made = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=round(365.25 * years)))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority, **usage
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    if not is_authority:
        made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return made.sign(issuer_key, None)


def key_id(public) -> str:
    """The name of a public key: the first 16 hexadecimal digits of its fingerprint."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[:16]


def certificates(pem: bytes) -> list:
    """The certificates of a PEM file. Raises ValueError for anything else."""
    from cryptography import x509

    return x509.load_pem_x509_certificates(pem)
