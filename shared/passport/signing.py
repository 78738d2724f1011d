"""Canonical JSON, signatures over it, and whom to trust: a record in the envelope that travels with a file."""

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

from difusa.shared.passport.keys import Keys, certificates, key_id
from difusa.shared.passport.saying import Said

FORMAT = "difusa-passport/1"
LARGEST = 64 * 2**20  # bytes of an envelope
FIELDS = {"certificate", "filed", "filed_signature", "format", "record", "signature"}


class Malformed(ValueError):
    """What should be a passport or a readable file is none; `said` says why."""

    def __init__(self, words: str, **values):
        self.said = Said(words, **values)
        super().__init__(str(self.said))


def canonical(value) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8: equal values have equal bytes. Raises ValueError for NaN."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def digest(value) -> str:
    """SHA-256 of a value's canonical JSON, hexadecimal."""
    return hashlib.sha256(canonical(value)).hexdigest()


@dataclass(frozen=True)
class Envelope:
    """A signed record with the certificate of its key; filed: the name and time at which its file was written, if told.

    The record says nothing of when and where, so that one seed gives one file; `filed` does, under a signature of its own,
    and only in the sidecar.
    """

    record: dict
    signature: str
    certificate: str
    filed: dict | None = None
    filed_signature: str = ""

    def as_json(self) -> dict:
        """As it is stored; without `filed` where nothing is told."""
        fields = {"format": FORMAT, "record": self.record, "signature": self.signature, "certificate": self.certificate}
        return fields | ({"filed": self.filed, "filed_signature": self.filed_signature} if self.filed else {})

    @cached_property
    def key(self):
        """The certificate. Raises Malformed."""
        from cryptography import x509

        try:
            return x509.load_der_x509_certificate(base64.b64decode(self.certificate, validate=True))
        except (ValueError, TypeError) as error:
            raise Malformed("its certificate cannot be read") from error


def sign(keys: Keys, purpose: str, message: bytes) -> bytes:
    """Ed25519 signature of a message for one purpose: of another purpose it is worth nothing."""
    return keys.private.sign(purpose.encode() + b"\n" + message)


def fits(public, signature: bytes, purpose: str, message: bytes) -> bool:
    """Whether the signature is that of the public key."""
    from cryptography.exceptions import InvalidSignature

    try:
        public.verify(signature, purpose.encode() + b"\n" + message)
    except (InvalidSignature, ValueError, TypeError, AttributeError):  # a key of another kind takes other arguments
        return False
    return True


def sealed(record: dict, keys: Keys, filed: dict | None = None) -> Envelope:
    """The record, signed. filed: name and made, signed together with the record's fingerprint."""
    base = Envelope(record, _text(sign(keys, FORMAT, canonical(record))), _text(keys.certificate))
    if filed is None:
        return base
    bound = filed | {"record": digest(record)}
    return Envelope(
        record, base.signature, base.certificate, filed, _text(sign(keys, f"{FORMAT} filed", canonical(bound)))
    )


def opened(raw: bytes) -> Envelope:
    """The envelope in the bytes of a JSON file. Raises Malformed."""
    if len(raw) > LARGEST:
        raise Malformed("it has more than {n} MB, too much for a passport", n=LARGEST // 2**20)
    try:
        value = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_number)
        if not isinstance(value, dict) or value.get("format") != FORMAT or not set(value) <= FIELDS:
            raise Malformed("it is no passport of a kind that this version knows")
        made = Envelope(
            value["record"],
            value["signature"],
            value["certificate"],
            value.get("filed"),
            value.get("filed_signature", ""),
        )
        canonical(made.record)  # lone surrogates and numbers beyond any limit end here
        strings = (made.signature, made.certificate, made.filed_signature)
        if not isinstance(made.record, dict) or not all(isinstance(s, str) for s in strings):
            raise Malformed("its parts are of the wrong kind")
        content = made.record["content"]
        if not (isinstance(content["sha256"], str) and isinstance(content["kind"], str)):
            raise Malformed("it does not say of what it is the passport")
        if made.filed is not None:
            datetime.fromisoformat(made.filed["made"])
            if not isinstance(made.filed["name"], str):
                raise Malformed("it does not say of which file it is the passport")
        made.key  # noqa: B018
    except Malformed:
        raise
    except RecursionError as error:
        raise Malformed("it is nested too deep") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Malformed("it cannot be read: {why}", why=f"{type(error).__name__}: {error}"[:100]) from error
    return made


def _once(pairs: list) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("it says one thing twice")
    return found


def _no_number(text: str):
    raise Malformed("it cannot be read: {why}", why=f"{text} is no number")


@dataclass(frozen=True)
class Trust:
    """Whose signatures count: certificates of authorities and of signing keys."""

    known: tuple = ()

    def adding(self, pem: bytes, name: str) -> "Trust":
        """With the certificates of a PEM file. Raises ValueError naming the file."""
        try:
            return Trust(self.known + tuple(certificates(pem)))
        except ValueError as error:
            raise ValueError(
                f"{name} holds no certificates ({error}); `difusa keys export` writes such a file"
            ) from error

    def public(self, id: str):
        """The public key of that name among the signing keys, or None."""
        return next((c.public_key() for c in self.known if key_id(c.public_key()) == id and not is_authority(c)), None)

    def certifies(self, certificate) -> bool:
        """Whether the certificate is known, or an authority that is known signed it for signing."""
        return certificate in self.known or any(_signed_by(certificate, top) for top in self.known)


def is_authority(certificate) -> bool:
    """Whether a certificate is of an authority, which signs certificates and nothing else."""
    from cryptography import x509

    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def _signed_by(certificate, top) -> bool:
    from cryptography.exceptions import InvalidSignature

    if not is_authority(top) or is_authority(certificate):
        return False
    try:
        certificate.verify_directly_issued_by(top)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def standing(envelope: Envelope, trust: Trust) -> str:
    """Who signed the envelope: "ours", "stranger" (a sound signature of somebody unknown), or "forged" (it does not fit)."""
    public = envelope.key.public_key()
    if not fits(public, _bytes(envelope.signature), FORMAT, canonical(envelope.record)):
        return "forged"
    if not trust.certifies(envelope.key):
        return "stranger"
    if envelope.filed is None:
        return "ours"
    bound = envelope.filed | {"record": digest(envelope.record)}
    return "ours" if fits(public, _bytes(envelope.filed_signature), f"{FORMAT} filed", canonical(bound)) else "forged"


def off_the_clock(envelope: Envelope, now: datetime | None = None) -> str:
    """What is wrong with the time at which the file says it was made; "" if nothing is, or none is told."""
    if envelope.filed is None:
        return ""
    made = datetime.fromisoformat(envelope.filed["made"])
    made = made if made.tzinfo else made.replace(tzinfo=UTC)
    key, now = envelope.key, now or datetime.now(UTC)
    if (made - now).total_seconds() > 86400:
        words = "it says it was made on {day}, which is still to come: a clock is far off"
        return Said(words, day=f"{made:%Y-%m-%d}")
    if not key.not_valid_before_utc <= made <= key.not_valid_after_utc:
        words = "it says it was made on {day}, but its key is good from {first} to {last}: a clock is far off"
        ends = {"first": f"{key.not_valid_before_utc:%Y-%m-%d}", "last": f"{key.not_valid_after_utc:%Y-%m-%d}"}
        return Said(words, day=f"{made:%Y-%m-%d}", **ends)
    return ""


def issuer(envelope: Envelope) -> str:
    """Who signed, as the certificate says; only worth something where the standing is "ours"."""
    from cryptography.x509.oid import NameOID

    found = envelope.key.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value)[:80] if found else ""


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
