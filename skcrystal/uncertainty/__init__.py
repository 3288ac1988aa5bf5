"""Standard deviations of predictions: given, calibrated, measured, drawn."""

from ..estimators import EnsembleRegressor
from ._calibrated import CalibratedRegressor
from ._curves import calibration_curve, sparsification_curve
from ._metrics import uncertainty_metrics
from ._plots import plot_calibration, plot_error_against_std, plot_sparsification
from ._view import TargetView

__all__ = [
    "CalibratedRegressor",
    "EnsembleRegressor",
    "TargetView",
    "calibration_curve",
    "plot_calibration",
    "plot_error_against_std",
    "plot_sparsification",
    "sparsification_curve",
    "uncertainty_metrics",
]
