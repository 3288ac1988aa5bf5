"""Models that come with the package, and predictions in one line."""

from ..estimators.saving._folder import pretrained_names
from ._metal import METAL_BELOW, fit_metal_probability, metal_probability
from ._predict import predict

__all__ = [
    "METAL_BELOW",
    "fit_metal_probability",
    "metal_probability",
    "predict",
    "pretrained_names",
]
