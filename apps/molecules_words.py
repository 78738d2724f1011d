"""What the molecules page calls things: figures, statuses, and why a molecule is broken."""

import re
from collections.abc import Callable

MARKS = {"valid": "good", "pieces": "middling", "broken": "bad"}


def statuses(_: Callable[[str], str]) -> dict[str, str]:
    """Of one molecule."""
    return {"valid": _("valid"), "pieces": _("in pieces"), "broken": _("broken")}


def named(name: str, _: Callable[[str], str]) -> str:
    """A figure or tag as the visitor reads it, with its unit."""
    known = {
        "row": _("order of drawing"), "qed": "QED", "sa": _("SA score"), "logp": "logP", "weight": _("weight (Da)"),
        "atoms": _("atoms"), "heavy_atoms": _("heavy atoms"), "GAP_EV": _("gap (eV)"), "HOMO_EV": "HOMO (eV)",
        "LUMO_EV": "LUMO (eV)", "MU_DEBYE": _("dipole (debye)"), "ALPHA_BOHR3": _("polarisability (bohr³)"),
        "CV_CAL_MOL_K": _("heat capacity (cal/mol K)"), "P_ALL": _("probability of all targets"),
        "FRONT": _("Pareto front"), "radicals": _("open valences"),
    }  # fmt: skip
    if name not in known and name.startswith("P_"):
        return _("probability: {name}").format(name=name[2:].lower())
    return known.get(name, name)


def help_of(name: str, _: Callable[[str], str]) -> str | None:
    """What a figure means, where its name does not say."""
    return {
        "qed": _("Drug-likeness from 0 to 1 (Bickerton et al. 2012)."),
        "sa": _("Synthetic accessibility from 1 (easy) to 10 (hard) (Ertl and Schuffenhauer 2009)."),
        "radicals": _("Electrons without a partner: RDKit takes a radical for valid, a chemist may not."),
        "logp": _("Octanol/water partition, estimated (Wildman and Crippen 1999)."),
    }.get(name)


def reason(row: dict, _: Callable[[str], str]) -> str:
    """Why a row is not one sound molecule; empty if it is. What RDKit says otherwise stays in its words."""
    text = row["reason"]
    if not text and row["status"] == "pieces":
        return _("{n} separate pieces").format(n=row["tags"].get("FRAGMENTS", 2))
    if not text and row.get("radicals"):
        return _("Open valences: {n}").format(n=row["radicals"])
    if found := re.search(r"Explicit valence for atom # (\d+) (\w+), (\d+),", text):
        return _("Atom {n} ({element}) has valence {valence}: too many bonds").format(
            n=found[1], element=found[2], valence=found[3]
        )
    if found := re.search(r"non-ring atom (\d+) marked aromatic", text):
        return _("Atom {n} is aromatic outside a ring").format(n=found[1])
    if "kekulize" in text.lower():
        return _("An aromatic ring has no alternating bonds")
    if "not finite" in text:
        return _("The network gave a position that is not a number")
    return text
