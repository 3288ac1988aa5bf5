"""Curves behind the metrics of standard deviations, and the checks they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ..estimators.targets._site_targets import SiteValues, check_site_targets, rows_of
from ..estimators.targets._targets import check_targets


def calibration_curve(
    y: ArrayLike, mean: ArrayLike, std: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected and observed coverage of central intervals, for one target.

    The central interval of coverage p is the prediction plus and minus the standard
    deviation times the quantile (1 + p) / 2 of the normal distribution. Observed
    coverage below the expected means standard deviations that are too small.

    Parameters
    ----------
    y : array-like of shape (m,) or (m, 1)
        Labels of one target. NaN is left out.
    mean, std : array-like, shaped as `y`
        Predictions and their standard deviations, in the unit of `y`.

    Returns
    -------
    expected : ndarray of shape (101,)
        Coverage that the intervals should have: 0, 0.01, ..., 1.
    observed : ndarray of shape (101,)
        Share of the labels that lie within them.

    Raises
    ------
    ValueError
        As `uncertainty_metrics`; and if there are several targets or no label.

    References
    ----------
    .. [1] Kuleshov et al., Proc. Mach. Learn. Res. 80, 2796 (2018).

    Examples
    --------
    >>> from skcrystal.uncertainty import calibration_curve
    >>> expected, observed = calibration_curve([1.0, 2.0], [1.1, 2.5], [0.1, 0.2])
    >>> print(expected[[67, 68, 69]], observed[[67, 68, 69]])
    [0.67 0.68 0.69] [0.  0.  0.5]
    """
    target = _check_one_target("calibration_curve", y, mean, std)
    expected = np.arange(101) / 100
    return expected, coverage_at(expected, target.error, target.std)


def sparsification_curve(
    y: ArrayLike, mean: ArrayLike, std: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Error of the predictions that remain without the least certain, for one target.

    Predictions of equal standard deviation go in random order: the curve is the mean
    over these orders.

    Parameters
    ----------
    y : array-like of shape (m,) or (m, 1)
        Labels of one target, k of which are not NaN.
    mean, std : array-like, shaped as `y`
        Predictions and their standard deviations, in the unit of `y`.

    Returns
    -------
    removed : ndarray of shape (k,)
        Share of the predictions taken away: 0, 1/k, ..., (k - 1)/k.
    mae : ndarray of shape (k,)
        Mean absolute error of the rest if the largest `std` goes first, in the unit
        of `y`.
    oracle : ndarray of shape (k,)
        The same if the largest error goes first: the lowest that `mae` can be.

    Raises
    ------
    ValueError
        As `uncertainty_metrics`; and if there are several targets or no label.

    References
    ----------
    .. [1] Ilg et al., Eur. Conf. Comput. Vis., 677 (2018).

    Examples
    --------
    >>> from skcrystal.uncertainty import sparsification_curve
    >>> removed, mae, oracle = sparsification_curve(
    ...     [1.0, 2.0, 3.0, 4.0], [1.1, 2.4, 3.2, 4.3], [0.1, 0.2, 0.3, 0.4]
    ... )
    >>> print(removed, mae.round(3), oracle.round(3))
    [0.   0.25 0.5  0.75] [0.25  0.233 0.25  0.1  ] [0.25 0.2  0.15 0.1 ]
    """
    target = _check_one_target("sparsification_curve", y, mean, std)
    return sparsification(target.error, target.std)


def standardised(error: NDArray, std: NDArray) -> NDArray[np.float64]:
    """Errors in standard deviations. An exact prediction has none, however certain."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.where(error == 0, 0.0, error / std)


def needed_coverage(error: NDArray, std: NDArray) -> NDArray[np.float64]:
    """Coverage of the narrowest central interval that holds each label."""
    return stats.halfnorm.cdf(standardised(error, std))


def coverage_at(levels: NDArray, error: NDArray, std: NDArray) -> NDArray[np.float64]:
    """Share of errors within the central intervals of the given coverages."""
    inside = np.sort(needed_coverage(error, std))
    return np.searchsorted(inside, levels, side="right") / len(inside)


def sparsification(error: NDArray, std: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Share removed, mean error of the rest by `std` and by the error itself."""
    removed = np.arange(len(error)) / len(error)
    return removed, _mae_of_rest(error, std), _mae_of_rest(error, error)


def _mae_of_rest(error: NDArray, key: NDArray) -> NDArray[np.float64]:
    """Mean errors (k,) after removal of 0, 1, ..., k - 1 rows, largest key first."""
    _, group, size = np.unique(key, return_inverse=True, return_counts=True)
    # Mean over the orders of equal keys: each row has the mean error of its group.
    in_order = np.repeat(np.bincount(group, weights=error) / size, size)
    return (np.cumsum(in_order) / np.arange(1, len(error) + 1))[::-1]


@dataclass(frozen=True)
class TargetErrors:
    """Absolute errors and standard deviations of one target's k labels.

    Attributes
    ----------
    name : str
    error, std : ndarray of shape (k,)
        In the unit of the target.
    """

    name: str
    error: NDArray[np.float64]
    std: NDArray[np.float64]


def check_errors(
    y: Any, mean: Any, std: Any, *, target_names: Sequence[str] | None = None
) -> list[TargetErrors]:
    """Check labels against predictions, and part them by target.

    Raises
    ------
    ValueError
        As of `uncertainty_metrics`.
    """
    if isinstance(mean, SiteValues):  # a row a site
        n_sites = np.array([len(values) for values in mean])
        y = check_site_targets(y, n_sites, allow_empty=True).shaped()
    mean, std = rows_of(mean), rows_of(std)
    arrays = {"mean": np.asarray(mean, float), "std": np.asarray(std, float)}
    shape = np.shape(y)
    if len(shape) not in (1, 2) or 0 in shape:
        raise ValueError(
            f"y has shape {shape}; (m,) or (m, n_targets) is expected, with one row or "
            "more."
        )
    for argument, values in arrays.items():
        if values.shape != shape:
            raise ValueError(
                f"{argument} has shape {values.shape}, but y has {shape}; give one "
                "value a label."
            )
    targets = check_targets(y, shape[0], allow_empty=True)
    names = per_target("target_names", target_names, len(targets.names))
    names = names or targets.names
    found = {name: a.reshape(targets.values.shape) for name, a in arrays.items()}
    _check_values("mean", found["mean"], names, positive=False)
    _check_values("std", found["std"], names, positive=True)
    error = np.abs(targets.values - found["mean"])
    known = ~np.isnan(error)
    return [
        TargetErrors(name, error[known[:, t], t], found["std"][known[:, t], t])
        for t, name in enumerate(names)
    ]


def per_target(
    argument: str, values: Sequence[str] | None, n_targets: int
) -> list[str] | None:
    """Check that there is one string a target; a single string is that of one."""
    if values is None:
        return None
    found = [values] if isinstance(values, str) else [str(value) for value in values]
    if len(found) != n_targets:
        raise ValueError(
            f"{argument} has {len(found)} entries ({', '.join(found)}), but y has "
            f"{n_targets} targets; give one a target."
        )
    return found


def check_labelled(targets: Sequence[TargetErrors]) -> None:
    """Check that no target is without labels."""
    for target in targets:
        if not len(target.error):
            raise ValueError(
                f"y has no label for {target.name}, only NaN; leave it out."
            )


def _check_one_target(function: str, y: Any, mean: Any, std: Any) -> TargetErrors:
    targets = check_errors(y, mean, std)
    if len(targets) > 1:
        raise ValueError(
            f"{function} takes one target, but y has {len(targets)}; call it for each "
            "column."
        )
    check_labelled(targets)
    return targets[0]


def _check_values(
    argument: str, values: NDArray, names: Sequence[str], *, positive: bool
) -> None:
    bad = ~np.isfinite(values) | (positive & (values < 0))
    if bad.any():
        i, t = np.argwhere(bad)[0]
        must = "finite and not negative" if positive else "finite"
        raise ValueError(
            f"{argument}[{i}] of {names[t]} is {values[i, t]}; it must be {must}. "
            "Correct the model that gave it, or leave the row out."
        )
