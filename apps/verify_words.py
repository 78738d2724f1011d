"""The words of the page "Verify": what each verdict means, and every reason that the passport's package can give."""

from collections.abc import Callable

from difusa.apps.demo_damage import N_
from difusa.shared.passport.saying import Said
from difusa.shared.passport.verdict import CHANGED, INTACT, STRANGER, UNKNOWN

HEADLINES = {
    INTACT: N_("Genuine and unchanged."),
    CHANGED: N_("Genuine, but changed afterwards."),
    STRANGER: N_("Not genuine."),
    UNKNOWN: N_("It cannot be told."),
}
MEANINGS = {
    INTACT: N_("This file was made with Difusa and signed by {issuer}. Not one byte of it was changed since."),
    CHANGED: N_(
        "The signature of {issuer} is genuine, but the file, or the passport beside it, is no longer as it was when it was "
        "signed."
    ),
    STRANGER: N_(
        "Its passport is forged, or is signed by somebody whom you have no reason to trust. That does not tell who made the file."
    ),
    UNKNOWN: N_(
        "Nothing here proves where this file comes from. A file without a passport can come from a camera, a person or any "
        "program, for passports can be taken off."
    ),
}
BY_MARK = N_(
    "Your own watermark is in it, but no passport that fits: it came from you, and was changed or sent on without its passport."
)
REASONS = (  # a test holds them against the sources
    N_("and {n} places more"),
    N_("another size: {now} pixels instead of {then}"),
    N_("as one of the files of {name}"),
    N_("by its Content Credentials (C2PA)"),
    N_("by the passport inside it; the sidecar is missing"),
    N_("bytes {first} to {last}"),
    N_("each record by its own stamp; the sidecar is missing, so whether one was left out cannot be told"),
    N_("it cannot be read: {why}"),
    N_("it carries a passport, but you hold no public certificate to check it: ask the issuer"),
    N_("it carries no passport, and there is no {name} beside it"),
    N_("it does not say of what it is the passport"),
    N_("it does not say of which file it is the passport"),
    N_("it has more than {n} MB, too much for a passport"),
    N_("it holds more than {n} files"),
    N_("it is larger than {n} MB"),
    N_("it is neither a file nor a folder"),
    N_("it is nested too deep"),
    N_(
        "it may carry your watermark, but a key that has nothing to do with it fits with a chance of {p}: too often to be sure"
    ),
    N_("it is no passport of a kind that this version knows"),
    N_("it is not as in {name} when that was signed"),
    N_("it looks the same from afar, but was saved anew"),
    N_("it says it was made on {day}, but its key is good from {first} to {last}: a clock is far off"),
    N_("it says it was made on {day}, which is still to come: a clock is far off"),
    N_("it says one thing twice"),
    N_("it unpacks to more than {n} MB"),
    N_("but it carries your watermark: with a key that has nothing to do with it that happens with a chance of {p}"),
    N_("its Content Credentials (C2PA) are of a key that you do not know, or are damaged"),
    N_("its Content Credentials (C2PA) are ours, but the file is not as it was when they were written"),
    N_("its certificate cannot be read"),
    N_("its parts are of the wrong kind"),
    N_("its pixels are as they were signed; what stands beside them in the file was changed"),
    N_("its pixels cannot be read"),
    N_("its records carry stamps of keys that you do not know"),
    N_("its records carry stamps that do not fit"),
    N_("nothing in it is as it was signed"),
    N_("pixels in {n} of {m} tiles, x {x}, y {y}"),
    N_("pixels in {n} of {m} tiles, x {x}, y {y}, all outside of what the model had invented"),
    N_("pixels in {n} of {m} tiles, x {x}, y {y}, some where the model had invented and some outside"),
    N_("pixels in {n} of {m} tiles, x {x}, y {y}, where the model had invented"),
    N_("record {n} has a stamp that does not fit"),
    N_("record {n} is not ours: it has no stamp"),
    N_("record {n} is stamped by a key that you do not know"),
    N_("record {n} of those signed is missing"),
    N_("record {n} was added"),
    N_("record {n} was changed"),
    N_("the compressed file is damaged"),
    N_("the file is as it was signed"),
    N_("the file is as it was signed, but the sidecar beside it belongs to another file"),
    N_("the passport inside the file is another than the one beside it"),
    N_("the passport inside the file is damaged: {why}"),
    N_("the passport inside the file is forged, or was altered after signing: its signature does not fit"),
    N_("the passport inside the file is signed by a key that you do not know, which calls itself {name}"),
    N_("the passport inside the file was taken out"),
    N_("the passport is genuine, but no part of this file fits it: it was written for {name}, and was swapped"),
    N_("the records are in another order"),
    N_("the sidecar beside it belongs to another file"),
    N_("the sidecar beside it belongs to another file: it was written for {name}"),
    N_("the sidecar cannot be read: {why}"),
    N_("the sidecar is damaged: {why}"),
    N_("the sidecar is forged, or was altered after signing: its signature does not fit"),
    N_("the sidecar is no file"),
    N_("the sidecar is signed by a key that you do not know, which calls itself {name}"),
    N_("the stamp of record {n} was changed or taken out"),
    N_("there is no such file"),
    N_("there is no {name}"),
    N_("they come from several runs"),
    N_("{name} is missing"),
    N_("{name} was added"),
    N_("{name} was changed"),
    N_("{n} bytes instead of {m}"),
    N_("{n} records instead of {m}"),
)


def headline(status: int, _: Callable[[str], str]) -> str:
    """The verdict in a few words."""
    return _(HEADLINES[status])


def meaning(status: int, _: Callable[[str], str]) -> str:
    """What the verdict means; {issuer} is left to fill in."""
    return _(MEANINGS[status])


def told(reason: str, _: Callable[[str], str]) -> str:
    """A reason in the language of the page; what is filled in may be a reason itself."""
    if not isinstance(reason, Said):
        return reason
    return _(reason.words).format(**{k: told(v, _) if isinstance(v, Said) else v for k, v in reason.values.items()})
