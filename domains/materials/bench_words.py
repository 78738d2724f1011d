"""The words of docs/results/materials.md: what each figure is, and by which protocol."""

from difusa.domains.materials.report import PROTOCOLS

HEAD = """# Crystals: what is drawn, beside what is real and what substitution gives

`difusa bench materials{flag}` writes this page and the JSON beside it.

Raw draws: every crystal of a set counts, broken ones too; nothing is filtered, relaxed or refilled before it is judged. In
brackets: 95 % interval; of the mean over sets it is put together from the sets' own (MOVER, Zou and Donner 2008), which are
Wilson's for shares and those of the order statistics for medians. A figure belongs to the protocol beside it: energies above
hull, stability and matches are not to be compared with those of another protocol.

"Held-out data" are Materials Project crystals of chemical systems that no model saw. "Random substitution" fills structures of
the training split: de novo with elements drawn as often as they occur there until smact lets the composition pass, for a
prediction with the wanted elements in random order; volumes scaled by what an atom of each element takes. CHGNet was trained on
Materials Project relaxations, held-out crystals among them: it is a judge of the generator, not of itself."""

DROP = "of the relaxed: CHGNet's energy before less after"
# key, name, unit, protocol
FIGURES = (
    ("structural_validity", "structural validity", "%", PROTOCOLS["structural_validity"]),
    ("compositional_validity", "compositional validity", "%", PROTOCOLS["compositional_validity"]),
    ("valid", "both", "%", "structurally and compositionally valid"),
    ("uniqueness", "uniqueness", "%", PROTOCOLS["uniqueness"]),
    ("novelty", "novelty", "%", PROTOCOLS["novelty"]),
    ("unique_novel", "unique and novel", "%", "both, of the structurally valid"),
    ("chgnet_rmsd_median", "RMSD to the relaxed, median", "angstrom", PROTOCOLS["chgnet_rmsd_median"]),
    ("chgnet_drop_median", "energy drop, median", "eV/atom", DROP),
    ("chgnet_volume_median", "volume after relaxation over before, median", "1", "of the relaxed"),
    ("above_hull_median", "energy above hull, median", "eV/atom", "as stable share; of the relaxed"),
    ("stable_share", "stable share", "%", PROTOCOLS["stable_share"]),
    ("stable_share_whole", "stable share, hull of all data", "%", PROTOCOLS["stable_share_whole"]),
    ("stable_unique_novel", "stable, unique and novel", "%", "of the relaxed subset, by the first hull"),
    ("network_evaluations", "network evaluations", "a crystal", "guidance counted"),
    ("seconds_per_1000", "seconds per 1000", "s", "drawing alone, on the threads below"),
)
DISTANCES = (
    ("density", "density", "g/cm^3"), ("volume_per_atom", "volume an atom", "angstrom^3"),
    ("atoms", "atoms in the cell", "atoms"), ("number_of_elements", "elements in a crystal", "elements"),
    ("elements", "which elements", ""), ("space_group", "space group at 0.1 angstrom", ""),
)  # fmt: skip
MATCH = (
    "Held-out crystals of different compositions (test split, whose chemical systems no model saw); a method is told the reduced "
    "formula and nothing else. Match: pymatgen StructureMatcher, stol 0.5, ltol 0.3, angle_tol 10 (CDVAE's protocol); rmse: mean "
    "over matches of the best distance in (volume / atoms)^(1/3). Intervals resample crystals. Substitution, nearest first, "
    "takes the training structures of the wanted stoichiometry in the order of how near their elements are in Pettifor's order: "
    "it is deterministic and stronger than the random one."
)
INTRODUCED = {  # task -> title, words
    "generation": (
        "Generation",
        "Sets of raw draws, mean over the seeds, beside as large sets of held-out crystals and of random substitution. The hull "
        "knows the training crystals; of a held-out chemical system it knows no phase, so that what lies there is compared with "
        "simpler compounds: the share by the hull of all data is the stricter one.",
    ),
    "prediction": ("Structure prediction", MATCH),
    "evaluations": ("Quality against network evaluations", "One set for each budget; protocols as above."),
    "training": ("Quality against training time", "Models of one training after so many minutes; protocols as above."),
    "speed": (
        "Speed",
        "Wall seconds of `difusa materials generate` in a process of its own, from the verb's start to its last file; symmetry "
        "and charges of each crystal are part of it, starting Python is not. Goal: 100 crystals at 50 evaluations in 60 s on 2 "
        "cores.",
    ),
    "symmetry": (
        "Symmetry",
        "Largest error after moving, renumbering or turning the crystal, or permuting and mirroring the axes of its cell, as a "
        "share of the largest value of the field, over three noise levels; goal 1e-9 in float64. Below: crystals with a space "
        "group asked for, symmetrised, read back from their files; the share that spglib finds so at 0.01 angstrom.",
    ),
    "conditional": (
        "Properties asked for",
        "By a judge trained on chemical systems that the guide has not seen; a structurally invalid crystal meets nothing. Told: "
        "the guide's probability that all is met; the curve sets it against how often it came true, its error is the mean "
        "distance, each bin as heavy as it is full. Without the wish: the same model, asked nothing. The last line of each: of "
        "held-out crystals that truly lie in the range, the share that the judge finds there; of the others, the share that it "
        "puts there; and how many of all lie there.",
    ),
    "recipes": (
        "Two worked recipes",
        "Cathode: hosts of the ion with a metal that changes its charge and O, F, S, P, Si or B; useful: an average voltage of "
        "2 to 5 V (CHGNet: full and empty host relaxed, against the bcc metal; an estimate) and a volume that changes by at "
        "most 20 %. "
        "Earth-abundant: elements of at least 50 mg/kg in the crust whose supply is not concentrated (smact's tables), neither "
        "toxic nor radioactive. Stable: as above, by the hull of the training crystals. What fails is neither.",
    ),
}
UNMEASURED = (
    "Whether a crystal can be made. Temperature, magnetism beyond CHGNet's, disorder. Agreement of CHGNet with DFT on drawn "
    "crystals: its formation energies are {mae:.0f} meV/atom (mean absolute error) from the Materials Project's on {n} held-out "
    "crystals at their own geometries, which it may have been trained on."
)
