"""The words of docs/results/molecules.md: what each figure is, and by which protocol."""

HEAD = """# Molecules: what is drawn, beside what is real

`difusa bench molecules{flag}` writes this page and the JSON beside it.

Raw draws: every molecule of a set counts, broken ones too; nothing is filtered, relaxed or refilled before it is judged. The
judges know nothing of the generator. In brackets: 95 % interval; of the mean over sets it is put together from the sets' own
(MOVER, Zou and Donner 2008), which are Wilson's for shares and those of the order statistics for medians. Rows of different
protocols, such as "corrected" and "legacy", are not to be compared with each other, nor with tables of another protocol.

"Held-out data" are molecules of the test split with their DFT geometries, judged in the same way."""

CORRECTED = "own bonds and charges; valences of the training split, aromatic bonds counted apart (Nikitin et al. 2025)"
LEGACY = "own bonds; aromatic bonds as 1, MiDi's wide valency table"
LOOKUP = "bonds guessed from distances alone, charges unseen (EDM, Hoogeboom et al. 2022)"
RDKIT = (
    "RDKit sanitises the whole molecule with its own bonds and charges, no hydrogens implied, and rereads its SMILES"
)
XTB = "GFN2-xTB in vacuum, L-BFGS to 0.01 eV/angstrom; of the valid and connected in the costly subset"

# key, name, unit, protocol
FIGURES = (
    ("validity", "validity", "%", RDKIT),
    ("valid_connected", "valid and connected", "%", "the same, and one fragment"),
    ("molecule_stability", "molecule stability, corrected", "%", CORRECTED),
    ("molecule_stability_legacy", "molecule stability, legacy", "%", LEGACY),
    ("molecule_stability_lookup", "molecule stability, lookup", "%", LOOKUP),
    ("atom_stability", "atom stability, corrected", "%", CORRECTED),
    ("atom_stability_legacy", "atom stability, legacy", "%", LEGACY),
    ("atom_stability_lookup", "atom stability, lookup", "%", LOOKUP),
    ("validity_lookup", "validity, lookup", "%", LOOKUP + "; the largest fragment has a SMILES"),
    ("uniqueness", "uniqueness", "%", "different canonical SMILES without stereo, of the valid of one set"),
    ("novelty", "novelty", "%", "of these, not in the training split"),
    ("xtb_relaxation_kcal_median", "relaxation energy, median", "kcal/mol", XTB),
    ("xtb_rmsd_median", "relaxation RMSD, median", "angstrom", XTB + "; heavy atoms"),
    (
        "posebusters_valid",
        "PoseBusters-valid",
        "%",
        "all checks of its configuration `mol`, of the whole costly subset; 10 s of a processor each",
    ),
    ("network_evaluations", "network evaluations", "a molecule", "both networks, guidance counted"),
    ("seconds_per_1000", "seconds per 1000", "s", "drawing alone, on the threads below"),
)

DISTANCES = (
    ("qed", "QED", "1"), ("sa", "SA score", "1"), ("logp", "logP", "1"), ("weight", "weight", "dalton"),
    ("ring_sizes", "ring sizes", "atoms"), ("elements", "elements", "atoms a molecule"),
    ("bond_lengths", "bond lengths", "angstrom"), ("bond_angles", "bond angles", "degrees"),
    ("torsions", "torsions", "degrees"),
)  # fmt: skip

CONFORMERS = (
    ("coverage_recall_0.75", "COV-R 0.75 (%)"), ("coverage_recall_1.25", "COV-R 1.25 (%)"),
    ("matching_recall", "MAT-R (angstrom)"), ("coverage_precision_0.75", "COV-P 0.75 (%)"),
    ("coverage_precision_1.25", "COV-P 1.25 (%)"), ("matching_precision", "MAT-P (angstrom)"),
)  # fmt: skip

PROTOCOL = (
    "Every method makes twice as many conformers as a molecule has references (at most 30). Distance: RMSD of the heavy atoms "
    "after the best proper rotation, the smallest over the graph's automorphisms. COV: share within the threshold; MAT: mean "
    "smallest distance. Recall (R) asks it of each reference, precision (P) of each conformer (Ganea et al. 2021). Means over "
    "molecules, bootstrap over molecules. A molecule without conformers is not covered, and has nothing to match. Nothing "
    "that a method makes is filtered; the second RDKit row is relaxed with MMFF94, the first and ours with nothing."
)

INTRODUCED = {  # task -> title, words
    "qm9": (
        "QM9",
        "EDM's split (100,000 / 17,748 / 13,083). Sets of raw draws with the sizes of the training data, mean over the seeds.",
    ),
    "evaluations": ("Quality against network evaluations", "One set of QM9 molecules for each budget; protocols as above."),
    "training": ("Quality against training time", "Models of one training after so many minutes; protocols as above."),
    "speed": (
        "Speed",
        "Molecules of QM9's sizes at 20 network evaluations (16 for the skeleton, 4 for the hydrogens), on the processor, each "
        "run in a process of its own. Seconds: wall time from the verb's start, models loaded, to the last byte of the SDF "
        "file; RDKit's verdict on each molecule is part of it, starting Python is not. The plain loops run the same two "
        "networks on the same state fields and levels, with diffusers' scheduler of the same sampler, and "
        "judge and write as the verb does; their random numbers are their own. Load before: processes that were running.",
    ),
    "conformers drugs": (
        "Conformers of drug-like molecules",
        "Molecules of held-out scaffolds with at least two DFT conformers (B3LYP-D3BJ/DZVP, Open Force Field industry "
        "benchmark). " + PROTOCOL,
    ),
    "conformers qm9": (
        "Conformers of molecules of QM9's size",
        "Molecules of the test split; the reference is their one DFT geometry (B3LYP/6-31G(2df,p)), and stereo is told as it is "
        "there, for QM9's own SMILES say nothing of it. " + PROTOCOL,
    ),
    "drugs": (
        "Drug-like molecules",
        "Drug-like molecules of the Open Force Field industry benchmark, split by scaffold; held-out data are DFT conformers "
        "(B3LYP-D3BJ/DZVP), several of one molecule among them, so that their uniqueness is low by construction.",
    ),
    "equivariance": (
        "Symmetry",
        "Largest error after turning, mirroring, moving or renumbering the atoms, as a share of the largest value of the "
        "field, over whole molecules and molecules of which half is given; moved only the latter, for whole ones are "
        "centred. Samplers take 4 steps, with the noise turned along. Goals: 1e-9 in float64, 1e-3 in float32.",
    ),
    "conditional": (
        "One property asked for",
        "EDM's protocol (Hoogeboom et al. 2022, sec. 5.2): each property alone as the wish, drawn from the training data "
        "together with the number of atoms; mean absolute error between the wish and the judge's prediction, of all draws "
        "that have a graph. The judge has seen the half of the training split that generator and guide have not; it reads "
        "our bonds and no hydrogens' places, so it is not EDM's classifier, and the errors are to be read against its floor.",
    ),
    "ranges": (
        "Ranges asked for together",
        "By the same judge; a broken molecule has not what was asked for. Told: the guide's probability that all is met. "
        "The curve sets it against how often it came true; its error is the mean distance, each bin as heavy as it is full. "
        "Where the data have many molecules in a range and where few is not the same for all requests.",
    ),
}  # fmt: skip

UNMEASURED = (
    "Whether the molecules can be made, are safe, or bind to anything. Solvent, temperature and other conformers: all energies "
    "are of one geometry in vacuum. Stereo is left out of uniqueness and novelty. Agreement of GFN2-xTB with DFT."
)
