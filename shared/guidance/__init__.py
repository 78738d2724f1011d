"""Guidance: wrappers from denoiser to denoiser, whose repr() is what the audit keeps."""

from difusa.shared.guidance.measurement import Gaussian, Isotropic, Measured, PiGDM
from difusa.shared.guidance.mixing import Attribute, Guided, Within
from difusa.shared.guidance.pinned import Pinned, resampled
from difusa.shared.guidance.steering import DPS, Classifier, LogLikelihood, Steered

__all__ = [
    "DPS",
    "Attribute",
    "Classifier",
    "Gaussian",
    "Guided",
    "Isotropic",
    "LogLikelihood",
    "Measured",
    "PiGDM",
    "Pinned",
    "Steered",
    "Within",
    "resampled",
]
