from ._calibrated import CalibratedRegressor as CalibratedRegressor
from ._curves import (
    calibration_curve as calibration_curve,
    sparsification_curve as sparsification_curve,
)
from ._metrics import uncertainty_metrics as uncertainty_metrics
from ._plots import (
    plot_calibration as plot_calibration,
    plot_error_against_std as plot_error_against_std,
    plot_sparsification as plot_sparsification,
)
from ._view import TargetView as TargetView
