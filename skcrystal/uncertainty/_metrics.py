"""How far standard deviations of predictions can be trusted: metrics."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ._curves import check_errors, needed_coverage, sparsification, standardised

METRICS = [
    "mae",
    "rmse",
    "nll",
    "miscalibration_area",
    "coverage_68",
    "coverage_95",
    "crps",
    "spearman",
    "sparsification_error",
    "mean_std",
]


def uncertainty_metrics(
    y: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
    *,
    target_names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Measure, target by target, predictions and their standard deviations.

    Rows and columns are matched by position. Labels that are NaN are left out, target
    by target.

    Parameters
    ----------
    y : array-like of shape (m,) or (m, T)
        Labels, NaN where one is missing.
    mean : array-like, shaped as `y`
        Predictions, in the units of `y`.
    std : array-like, shaped as `y`
        Standard deviations of the predictions, in the units of `y`. Zero, a
        prediction without any doubt, is allowed.
    target_names : sequence of str, default=None
        Names of the T targets. None takes the columns of a DataFrame `y` or the name
        of a Series, else ``target_0`` and so on.

    Returns
    -------
    DataFrame
        One row a target, with the columns

        - ``mae``, ``rmse``: mean absolute and root mean square error, in the
          target's unit;
        - ``nll``: mean negative log likelihood of the labels under the Gaussians, in
          nats. Its zero depends on the target's unit. It is inf if a label differs
          from a prediction of standard deviation zero, and -inf if such predictions
          are all exact;
        - ``miscalibration_area``: area between the coverage of central intervals that
          is observed and that which is expected, see `calibration_curve`. 0 is
          calibrated; 0.5 for standard deviations that are far too small or
          far too large;
        - ``coverage_68``, ``coverage_95``: share of labels within 1 and 1.96 standard
          deviations of the prediction, ends included. 0.683 and 0.950 are calibrated;
        - ``crps``: mean continuous ranked probability score of the Gaussians, in the
          target's unit. It is the absolute error where the standard deviation is zero;
        - ``spearman``: rank correlation of absolute error and standard deviation. NaN
          if either is the same in all rows;
        - ``sparsification_error``: area between the two curves of
          `sparsification_curve`, divided by the MAE. 0 is an ideal ordering. Random
          ordering, and a constant standard deviation, give 1 less the mean of the
          oracle's curve over the MAE, which depends on the errors alone: 0.57 for
          Gaussian errors of one width, 0.64 for exponential ones. More than that is
          worse than random;
        - ``mean_std``: mean standard deviation, in the target's unit.

        A target without labels has NaN throughout. One with a single label has NaN in
        the two columns that measure an ordering.

    Raises
    ------
    ValueError
        If shapes differ, there are no rows, a label is infinite, a prediction is not
        finite, or a standard deviation is negative or not finite.

    References
    ----------
    .. [1] Tran et al., Mach. Learn.: Sci. Technol. 1, 025006 (2020).
    .. [2] Gneiting & Raftery, J. Am. Stat. Assoc. 102, 359 (2007). (CRPS)
    .. [3] Ilg et al., Eur. Conf. Comput. Vis., 677 (2018). (sparsification)

    Examples
    --------
    >>> from skcrystal.uncertainty import uncertainty_metrics
    >>> metrics = uncertainty_metrics(
    ...     [1.0, 2.0, 3.0], [1.1, 1.8, 3.4], [0.2, 0.3, 0.3], target_names=["gap"]
    ... )
    >>> metrics[["mae", "coverage_68", "mean_std"]].round(3)
           mae  coverage_68  mean_std
    gap  0.233        0.667     0.267
    """
    targets = check_errors(y, mean, std, target_names=target_names)
    rows = [_metrics_of(target.error, target.std) for target in targets]
    return pd.DataFrame(
        rows, index=[target.name for target in targets], columns=METRICS, dtype=float
    )


def _metrics_of(error: NDArray, std: NDArray) -> dict[str, float]:
    if not len(error):
        return dict.fromkeys(METRICS, np.nan)
    return {
        "mae": error.mean(),
        "rmse": np.sqrt(np.mean(error**2)),
        "nll": _negative_log_likelihood(error, std),
        "miscalibration_area": miscalibration_area(error, std),
        "coverage_68": np.mean(error <= std),
        "coverage_95": np.mean(error <= 1.96 * std),
        "crps": _ranked_probability_score(error, std),
        "spearman": _rank_correlation(error, std),
        "sparsification_error": sparsification_error(error, std),
        "mean_std": std.mean(),
    }


def _negative_log_likelihood(error: NDArray, std: NDArray) -> float:
    sure = std == 0
    if sure.any():
        # The limit of small std: one miss outweighs any number of hits.
        return np.inf if (error[sure] > 0).any() else -np.inf
    with np.errstate(over="ignore"):
        return float(
            -np.mean(stats.norm.logpdf(standardised(error, std)) - np.log(std))
        )


def _ranked_probability_score(error: NDArray, std: NDArray) -> float:
    z = standardised(error, std)
    inside = 2 * stats.norm.cdf(z) - 1
    width = 2 * stats.norm.pdf(z) - 1 / np.sqrt(np.pi)
    return float(np.mean(error * inside + std * width))


def miscalibration_area(error: NDArray, std: NDArray) -> float:
    """Integral over p of abs(observed - p), exact: observed is a staircase."""
    steps = np.sort(needed_coverage(error, std))
    observed = np.arange(len(steps) + 1) / len(steps)
    start, end = np.append(0.0, steps) - observed, np.append(steps, 1.0) - observed
    return float(np.sum(end * np.abs(end) - start * np.abs(start)) / 2)


def _rank_correlation(error: NDArray, std: NDArray) -> float:
    if np.ptp(error) == 0 or np.ptp(std) == 0:
        return np.nan
    return float(stats.spearmanr(error, std).statistic)


def sparsification_error(error: NDArray, std: NDArray) -> float:
    if len(error) < 2:
        return np.nan
    if not error.any():
        return 0.0  # equal errors: every order is ideal
    _, mae, oracle = sparsification(error, std)
    # Both are taken as zero once all is removed, so this is the trapezoidal rule too.
    return float(np.mean(np.maximum(mae - oracle, 0)) / error.mean())
