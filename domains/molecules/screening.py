"""Dual use: a block list that cannot be read as a menu, alerts of RDKit's catalogues, and harm refused as a goal.

The block list holds slow salted hashes of InChIKey skeletons (first block: stereo, isotopes and charge do not matter). It answers
whether a molecule is on it; it does not tell what is. A list that is missing or damaged stops everything that asks it. It is a
fence against accidents, not a weapons screen: analogues pass it, and a person must look at what is released.
"""

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from difusa.domains.molecules.molecule import Molecule, to_rdkit
from difusa.shared.files import write_text

LIST = Path(__file__).parent / "blocked.txt"
ROUNDS, KEPT = 10_000, 16  # of PBKDF2; hexadecimal digits kept
CATALOGUES = ("PAINS", "BRENK", "NIH", "CHEMBL")
HARMS = (
    "tox",
    "lethal",
    "carcinogen",
    "mutagen",
    "teratogen",
    "herg",
    "dili",
    "hazard",
    "poison",
    "ames",
    "agonist_ache",
)
DOSES = ("ld50", "lc50", "ec50_tox", "noael", "loael")  # where a small number is the harm


@dataclass(frozen=True)
class Blocked:
    """A list as it lies on disk: its salt and the hashes."""

    salt: str
    hashes: frozenset[str]

    def holds(self, molecule: Molecule) -> bool:
        """Whether the molecule, or one of its fragments, is on the list. Raises ValueError where that cannot be told."""
        return any(hashed(key, self.salt) in self.hashes for key in skeleton_keys(molecule))


@lru_cache(maxsize=100_000)
def hashed(key: str, salt: str) -> str:
    """The hash of an InChIKey's first block."""
    return hashlib.pbkdf2_hmac("sha256", key.encode(), salt.encode(), ROUNDS).hex()[:KEPT]


def skeleton_keys(molecule: Molecule) -> list[str]:
    """First InChIKey blocks of the molecule and of its fragments, uncharged. Raises ValueError if RDKit can give none."""
    from rdkit import Chem, rdBase
    from rdkit.Chem.MolStandardize.rdMolStandardize import Uncharger

    with rdBase.BlockLogs():
        mol = Chem.MolFromSmiles(molecule.smiles) if molecule.smiles else to_rdkit(molecule)
        parts = [mol, *Chem.GetMolFrags(mol, asMols=True)] if mol is not None else []
        keys = {Chem.MolToInchiKey(Uncharger().uncharge(part)).split("-")[0] for part in parts}
    if not keys or "" in keys:
        raise ValueError(
            f"{molecule.smiles or 'the molecule'} has no InChIKey: it cannot be screened, so it is held back"
        )
    return sorted(keys)


@cache
def blocked(path: Path | None = None) -> Blocked:
    """The list that ships, and the institution's own that DIFUSA_BLOCKED names instead. Raises ValueError if it is missing, cut
    off or altered: nothing is screened then, and so nothing may pass."""
    path = Path(path or os.environ.get("DIFUSA_BLOCKED") or LIST)
    try:
        lines = path.read_text(encoding="ascii").split("\n")
        salt, digest, hashes = lines[0].split()[1], lines[1].split()[1], [h for h in lines[2:] if h]
        whole = digest == hashlib.sha256("\n".join([salt, *hashes]).encode()).hexdigest()
    except (OSError, IndexError, UnicodeDecodeError) as why:
        raise ValueError(f"the block list {path} cannot be read ({why}): nothing passes until it is back") from why
    if not whole or not hashes:
        raise ValueError(f"the block list {path} is damaged or was altered: nothing passes until it is back")
    return Blocked(salt, frozenset(hashes))


def write_list(keys: Iterable[str], path: Path, salt: str) -> None:
    """A list of InChIKeys (or their first blocks) as `blocked` reads it. Hashes in their own order tell nothing of the keys'."""
    hashes = sorted({hashed(key.split("-")[0], salt) for key in keys})
    digest = hashlib.sha256("\n".join([salt, *hashes]).encode()).hexdigest()
    write_text(path, "\n".join([f"salt {salt}", f"sha256 {digest}", *hashes, ""]))


def refuse(molecules: Iterable[Molecule], what: str) -> None:
    """Raises ValueError if one of them is on the list or cannot be screened; the message does not say which entry."""
    known = blocked()
    for number, molecule in enumerate(molecules, start=1):
        if known.holds(molecule):
            raise ValueError(
                f"{what}: molecule {number} is on the block list of harmful substances; it is not worked on"
            )


@cache
def catalogue():
    """RDKit's alerts CATALOGUES as one catalogue."""
    from rdkit.Chem.FilterCatalog import FilterCatalog, FilterCatalogParams

    params = FilterCatalogParams()
    for name in CATALOGUES:
        params.AddCatalog(getattr(FilterCatalogParams.FilterCatalogs, name))
    return FilterCatalog(params)


def alerts(molecule: Molecule) -> list[str]:
    """The alerts that a molecule sets off, by catalogue and name. Raises ValueError if it has no SMILES."""
    from rdkit import Chem

    if not molecule.smiles:
        raise ValueError("a molecule that RDKit cannot sanitise has no alerts to tell")
    matches = catalogue().GetMatches(Chem.MolFromSmiles(molecule.smiles))
    return [f"{m.GetProp('FilterSet')}: {m.GetDescription()}" for m in matches]


def refuse_harm(name: str, low: float, high: float) -> None:
    """Raises ValueError where a property that means harm is asked to be great (or a harmful dose to be small).

    An upper bound on toxicity, or a lower bound on a lethal dose, is allowed: that is how harm is avoided.
    """
    said = name.lower()
    dose, harm = any(d in said for d in DOSES), any(h in said for h in HARMS)
    if (dose and high != float("inf")) or (harm and not dose and low != float("-inf")):
        way = f"{name}=X.." if dose else f"{name}=..X"
        raise ValueError(f"{name} is not sought: harm is no goal here. What can be asked is to avoid it: {way}")
