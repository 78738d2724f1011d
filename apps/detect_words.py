"""The words of the page "Verify" for what the detector says of a file."""

from collections.abc import Callable

from difusa.apps.demo_damage import N_
from difusa.shared.forensics.judging import GENERATED, NO_SIGN, UNSURE, Judged, Trial

HEADLINES = {
    GENERATED: N_("It looks generated."),
    NO_SIGN: N_("No sign that it was generated."),
    UNSURE: N_("The detector is not sure."),
}
MEANINGS = {
    GENERATED: N_(
        "The file has traits that this detector knows from files made by programs. That is a reason to ask for the original, and "
        "no proof: genuine files are called so, too."
    ),
    NO_SIGN: N_(
        "The detector sees none of the traits that it knows. That does not prove that the file is genuine: a program that it has "
        "never met may leave none."
    ),
    UNSURE: N_(
        "The signs are weak or contradict each other, or the file is unlike those that the detector was tested on. Draw no "
        "conclusion from this, in either direction."
    ),
}
FAMILIES = (  # a test holds them against the sources
    N_("GAN portraits"), N_("Difusa without symmetry"), N_("elements put into known structures"), N_("Difusa simulator"),
    N_("Difusa translator"), N_("RDKit ETKDG and MMFF94"),
)  # fmt: skip


SIGNS = {"detour": N_("frame out of place"), "neighbours fit better without it": N_("neighbours fit better without it")}
VIDEO = N_(
    "Signs of manipulation in this video are shown second by second, and no verdict is drawn from them: they were tried on one "
    "speaker alone. Its sound is not judged: cloned voices are not recognised."
)


def of_video(_: Callable[[str], str]) -> str:
    """What is said of every video."""
    return _(VIDEO)


def headline(said: Judged, _: Callable[[str], str]) -> str:
    """The verdict in a few words."""
    return _(HEADLINES[said.verdict])


def meaning(said: Judged, _: Callable[[str], str]) -> str:
    """What the verdict means."""
    return _(MEANINGS[said.verdict])


def band(said: Judged, _: Callable[[str], str]) -> str:
    """How sure it is."""
    sure = _("If one file in two were generated, this one would be with a probability of {p} %.")
    moves = {
        "picture": N_(
            "Made smaller, cut, turned grey or saved again, the same picture gets between {low} % and {high} %."
        ),
    }.get(said.kind, N_("With any one of its traits left out, it gets between {low} % and {high} %."))
    p, low, high = (round(100 * v) for v in (said.probability, said.low, said.high))
    return f"{sure.format(p=p)} {_(moves).format(low=low, high=high)}"


def likeness(said: Judged, _: Callable[[str], str]) -> str:
    """Whose traits it shows, "" where that is not told."""
    if not said.likeness:
        return ""
    return _("Of the programs that it knows, the file is most like {family}.").format(family=_(said.likeness))


def outside(said: Judged, _: Callable[[str], str]) -> str:
    """That the file lies outside of what was tested, "" if it does not."""
    return _("It is unlike the files that the detector was tested on, so it gives no verdict.") if said.outside else ""


def tested(one: Trial, _: Callable[[str], str]) -> str:
    """What was measured on one generator."""
    line = N_("{family}: {found} of 100 were recognised (tested on {n}).")
    new = N_("{family}, which it had never met: {found} of 100 were recognised (tested on {n}).")
    return _(line if one.met else new).format(family=_(one.family), found=round(100 * one.found), n=one.n)


def alarms(said: Judged, _: Callable[[str], str]) -> str:
    """How often real files are wronged."""
    share = round(100 * said.false_alarms, 1)
    return _("Of 100 genuine files of this kind, {n} were wrongly called generated.").format(n=f"{share:g}")
