"""Content Credentials (C2PA) for PNG, JPEG and TIFF, signed with the same keys: what other programs read. Needs c2pa-python.

They are written last, and have a random number and a time inside: two runs give two files. So they are made only when asked
for; the passport then lies beside the file, and its fingerprint covers them.
"""

import io
import json

import difusa
from difusa.shared.passport import keys as own
from difusa.shared.passport.signing import Trust, is_authority

FORMATS = {"png": "image/png", "jpeg": "image/jpeg", "tiff": "image/tiff"}
WITHOUT_THUMBNAIL = {"builder": {"thumbnail": {"enabled": False}}}


def credentialed(data: bytes, kind: str, made: dict) -> bytes:
    """The picture with Content Credentials that tell the facts of a passport.

    Raises ValueError for another format, or a picture that cannot carry them.
    """
    import c2pa

    if kind not in FORMATS:
        raise ValueError(f"Content Credentials go into {', '.join(FORMATS)}, not into {kind}; leave out --c2pa")
    # "opened" would want the original inside; what it was made from is named among the passport's facts
    told = {"action": "c2pa.created", "digitalSourceType": made["source_type"]}
    manifest = {
        "claim_generator_info": [{"name": "Difusa", "version": difusa.__version__}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [told]}},
            {"label": "org.difusa.passport", "data": made},
        ],
    }
    public, private = ((own.folder() / n).read_bytes() for n in ("public.pem", "signing.key"))
    try:
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"ed25519", public, private, None))
        with io.BytesIO() as out:
            builder = c2pa.Builder(json.dumps(manifest), context=c2pa.Context.from_dict(WITHOUT_THUMBNAIL))
            builder.sign(signer, FORMATS[kind], io.BytesIO(data), out)
            return out.getvalue()
    except c2pa.C2paError as error:
        raise ValueError(f"no Content Credentials can be written into this {kind}: {error}") from error


def credentials(data: bytes, kind: str, trust: Trust) -> tuple[str, str]:
    """What they are worth: "ours", "changed" (ours, of another content), "stranger", or "" for none; and who signed."""
    from cryptography.hazmat.primitives.serialization import Encoding

    if kind not in FORMATS or b"c2pa" not in data:
        return "", ""
    try:
        import c2pa
    except ModuleNotFoundError:
        return "", ""
    anchors = b"".join(c.public_bytes(Encoding.PEM) for c in trust.known if is_authority(c)).decode()
    try:
        context = c2pa.Context.from_dict({"trust": {"user_anchors": anchors}, "verify": {"verify_trust": True}})
        with c2pa.Reader(FORMATS[kind], io.BytesIO(data), context=context) as reader:
            state, told = reader.get_validation_state(), json.loads(reader.json())
    except Exception:  # whatever a parser of strangers' files raises
        return "", ""
    manifest = told.get("manifests", {}).get(told.get("active_manifest"), {})
    name = str(manifest.get("signature_info", {}).get("common_name", ""))[:80]
    if state == "Trusted":
        return "ours", name
    active = told.get("validation_results", {}).get("activeManifest", {})
    good, bad = ({s.get("code") for s in active.get(k, [])} for k in ("success", "failure"))
    if {"signingCredential.trusted", "claimSignature.validated"} <= good and bad:
        return "changed", name
    return "stranger", name
