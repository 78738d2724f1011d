"""What a domain gives the factory of data sets: one frozen value, and what passes between the two."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

ATTEMPTS = 2**40  # streams between one attempt at a sample and the next; a set has fewer samples


@dataclass(frozen=True)
class Row:
    """One sample to make: its number in the set, what it should be (a value of Factory.conditions), and which attempt it is."""

    index: int
    conditions: object
    attempt: int = 0

    @property
    def stream(self) -> int:
        """Index of its random stream: of its own at each attempt."""
        return self.index + self.attempt * ATTEMPTS


@dataclass(frozen=True)
class Sample:
    """What became of a row. files: suffix -> bytes, in the order in which they are stored, the generated one first, for that is
    what audits take; of a suffix that ends in .gz not packed yet; none where nothing was made.

    label: its class; facts: name -> number, text or truth value, told in the index; reason: why it is not valid, "" if it is;
    marks: suffix -> what its passport says of its watermark.
    """

    files: dict[str, bytes]
    label: str = ""
    facts: dict = field(default_factory=dict)
    reason: str = ""
    marks: dict[str, dict] = field(default_factory=dict)


@dataclass(frozen=True)
class Maker:
    """Ready to make samples. make(rows) -> one Sample a row; a sample's bytes do not depend on the rows beside it.

    models, sources: each {"name", "sha256"}, a source with "licence" (SPDX) and "credit" where they are known; plan: repr of how
    samples are drawn; issues: verb whose ledger of issued noise tells where to look for their marks, "" for none.
    """

    make: Callable[[Sequence[Row]], list[Sample]]
    models: tuple[dict, ...] = ()
    sources: tuple[dict, ...] = ()
    plan: str = ""
    issues: str = ""


@dataclass(frozen=True)
class Factory:
    """How a domain makes data sets.

    options: frozen dataclass of what a recipe says of all samples; conditions: of what may differ from one to the next.
    ready(options, every distinct conditions, seed) -> Maker: raises ValueError or OSError, with the way out, for what cannot
    be made; networks are loaded at the first `make`. batch: rows a `make`, as many as is fast. files, facts: suffix or name ->
    what it is, in English and in Portuguese, for data sheets. signed: suffixes of the files that are generated and carry a
    passport where their format can. source_type: IPTC's, of those. named: facts whose numbers are names (a space group's), of
    which nobody takes a mean.
    """

    options: type
    conditions: type
    ready: Callable[[object, Sequence, int], Maker]
    batch: int
    files: dict[str, tuple[str, str]]
    facts: dict[str, tuple[str, str]]
    signed: tuple[str, ...]
    source_type: str
    named: tuple[str, ...] = ()
