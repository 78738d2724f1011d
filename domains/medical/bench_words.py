"""The words of docs/results/medical.md: what each figure is, and by which protocol."""

from difusa.domains.medical.bench_wrong import UNSHOWN
from difusa.domains.medical.segmenting import DEEP

HEAD = """# Scans: what is translated, beside what was measured and what baselines make of it

`difusa bench medical{flag}` writes this page and the JSON beside it. Research use, not for diagnosis.

Simulated people stand on label maps of heads that no model, no gate and no calibration saw (the last four of the sorted files).
Real planes are of patients (open_ms_data, Ljubljana) that the model in the row was not trained on; with models of several folds
under `--checkpoints` each patient is translated by one that did not see them. In brackets: 95 % interval, bootstrap over people,
never over planes. The people are few: on real patients the intervals tell of these, not of hospitals, scanners or diseases."""

_TRANSLATION = (
    "Inside the head of the truth, planes of 1 mm. PSNR and mean absolute error of MRI are over the reference signal (the "
    "99.8th percentile of a volume = 1), those of CT over 2000 HU and in HU. SSIM: Wang et al. 2004, 7 pixels, averaged "
    "over the head. Perceptual distance: mean over patches of 1 - cosine in the last layer of CLIP ViT-B/16 (int8), which "
    "was trained on photographs: it tells sharp from blurred, not sick from well. Dice: fluid, grey and white matter, by a "
    "segmenter of its own on the truth and on the translation; for real patients it learned from the other patients, whose "
    "tissues are those of each one's mixture of three Gaussians over T1, T2 and FLAIR "
    f"({DEEP} pixels below the surface of heads with skull), for no one has labelled them: it says whether a segmenter sees "
    "the same, not whether it is right. The regression U-Net is the part of ours that expects, alone; pix2pix and CycleGAN "
    "have its network and draw in one evaluation, and CycleGAN is never told a pair. The warped template knows no training "
    "data but the signal equations. The source itself is the floor. The table below each: on the same planes, differences "
    "with interval."
)
INTRODUCED = {  # section -> title, words
    "translation": ("Translation", _TRANSLATION),
    "coverage": (
        "Intervals",
        "How often the truth lies in the 90 % interval; goal 87 to 93 % on simulated people. Voxels: 500 of a plane, inside "
        "the head; volumes and means: of the three classes that thresholds of the translation find. Real patients: the "
        "binomial (Wilson) interval of as many independent trials as have the planes' variance. The promise was fitted on "
        "simulated people; real ones show what it is worth elsewhere.",
    ),
    "gate": (
        "Gate",
        "Stacks of up to 20 neighbouring planes. Right: of real patients, each judged by networks that did not learn from the "
        "patient and by limits that do not rest on the patient; the share refused is that of false alarms (goal at most 5 %). "
        "Wrong: the share refused is that of hits (goal at least 95 %); every fifth right stack made wrong, and others. Never "
        "shown to the networks in training, nothing like it but ellipses and paintings: "
        f"{', '.join(UNSHOWN)}. The prostate is a real MR series; bodies are single planes of CT and MR; planes in another "
        "direction are cut out of the patients' own stacks, upright. Intervals resample patients, simulated people or kinds. Not "
        "counted as wrong: left and right swapped, and planes in reversed order, for each plane looks as it should and only the "
        "header knows; a T1 after contrast agent given as T1.",
    ),
    "speed": (
        "Whole volumes",
        "T1 to T2 by `difusa medical translate` in a process of its own, from the verb's start to its last file. Goal: 182 "
        "x 218 x 182 in 300 s with 4 samples, 90 s with one, 4 GB; 256^3 in 6 GB; on 2 cores. Roughness: mean step between "
        "neighbouring voxels inside the head, over that of the true T2; 1 is alike. Means of samples are smoother than any "
        "scan.",
    ),
    "diversity": (
        "Variety",
        "T1 to T2, one sample of each plane, in the class token of the tower above, 3 neighbours. Recall: truths that lie "
        "among the made (Kynkaanniemi et al. 2019); precision: the made among the truths; coverage: truths with a made one "
        "near (Naeem et al. 2020). Apart: perceptual distance of two samples of one source, 0 where a method has only one "
        "answer.",
    ),
    "stability": (
        "Stability of training",
        "The same recipe with other seeds, T1 to T2 of simulated people: the items are trainings, the interval is that of "
        "the mean over them. Diverged: how often a run broke off. Swing of the loss: standard deviation over mean in the "
        "last tenth.",
    ),
    "training": (
        "Quality against training time",
        "T1 to T2 of simulated people, by models of the same recipe that were trained for other times. Minutes are those of the "
        "machine in the model's card; simulated planes alone up to about two thirds of a recipe, then real ones too.",
    ),
    "synthetic": (
        "Synthetic data that helps",
        "A segmenter of lesions (MONAI UNet, T1, T2 and FLAIR) that learned from one real patient (cross-07), from "
        "simulated people with lesions, or from both; the same steps each; tested on every plane of cross-19. TRTR: real "
        "trained and tested; TSTR: synthetic trained, real tested. Rare: one plane with lesions to 20 without. Intervals "
        "over seeds, which also draw the few planes: they say nothing of other patients. The one learned from bears 1,300 voxels "
        "of lesions in 23 planes, the one tested 49,669 in 79: that is all that the arms without simulated people have.",
    ),
    "progression": (
        "Progression",
        "Patients examined twice: lesions of the second examination against the first one's carried on for 12 months by the "
        "scenario's usual rates, and against the first one's as they were. Lesions of both are bright islands of FLAIR. The "
        "months between the examinations are not known.",
    ),
}
COLUMNS = {  # section -> key, name, digits or %
    "translation": (
        ("psnr", "PSNR (dB)", "2"), ("ssim", "SSIM", "3"), ("mae", "MAE", "3"), ("perceptual", "perceptual distance", "3"),
        ("dice", "Dice", "3"), ("dice fluid", "fluid", "3"), ("dice grey matter", "grey", "3"),
        ("dice white matter", "white", "3"), ("seconds", "s a plane", "2"),
    ),
    "coverage": (("voxels", "voxels (%)", "%"), ("volumes", "volumes (%)", "%"), ("means", "means (%)", "%")),
    "gate": (("refused", "refused (%)", "%"), ("score", "score (limit 1)", "2")),
    "speed": (
        ("seconds", "s", "1"), ("peak_memory_mib", "peak MiB", "0"), ("network_evaluations", "evaluations", "0"),
        ("through_plane", "roughness through planes", "3"), ("in_plane", "roughness in planes", "3"),
        ("load_before", "load before", "1"),
    ),
    "diversity": (
        ("recall", "recall (%)", "%"), ("coverage", "coverage (%)", "%"), ("precision", "precision (%)", "%"),
        ("apart", "two samples apart", "4"),
    ),
    "stability": (
        ("psnr", "PSNR (dB)", "2"), ("perceptual", "perceptual distance", "3"), ("dice", "Dice", "3"),
        ("diverged", "diverged", "1"), ("loss_swing", "swing of the loss", "3"),
    ),
    "training": (
        ("psnr", "PSNR (dB)", "2"), ("ssim", "SSIM", "3"), ("perceptual", "perceptual distance", "3"), ("dice", "Dice", "3"),
    ),
    "synthetic": (
        ("dice", "Dice", "3"), ("recall", "recall", "3"), ("precision", "precision", "3"),
        ("planes_found", "planes found (%)", "%"), ("planes_false", "planes falsely said (%)", "%"),
    ),
    "progression": (
        ("volume_error_ml", "error of the volume (ml)", "2"), ("dice", "Dice", "3"),
        ("volume_before_ml", "before (ml)", "2"), ("volume_after_ml", "after (ml)", "2"),
    ),
}  # fmt: skip
UNMEASURED = (
    "CT against CT of the same person: no real pair is in the data. Other scanners, other diseases, children. Whether a "
    "radiologist would be misled. Left and right swapped."
)
