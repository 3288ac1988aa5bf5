"""Pictures of how far standard deviations can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from ..utils._plotting import (
    BLUE,
    GREEN,
    GREY,
    VERMILION,
    add_legend,
    brackets,
    check_axes,
    opacity,
)
from ._curves import (
    TargetErrors,
    check_errors,
    check_labelled,
    coverage_at,
    per_target,
    sparsification,
)
from ._metrics import miscalibration_area, sparsification_error

if TYPE_CHECKING:
    from matplotlib.axes import Axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_calibration(
    y: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    target_names: Sequence[str] | None = None,
) -> NDArray:
    """Draw observed against expected coverage of central intervals.

    A curve below the diagonal means standard deviations that are too small. The
    grey band holds, level by level, 95 % of the curves that calibrated standard
    deviations give for as many independent labels.

    Parameters
    ----------
    y : array-like of shape (m,) or (m, T)
        Labels. NaN is left out, target by target.
    mean, std : array-like, shaped as `y`
        Predictions and their standard deviations, in the units of `y`.
    ax : Axes or sequence of Axes, default=None
        Where to draw, one a target. None makes a figure.
    target_names : sequence of str, default=None
        Titles. None takes the columns of a DataFrame `y` or the name of a Series,
        else ``target_0`` and so on.

    Returns
    -------
    ndarray of Axes, shape (T,)

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        As `uncertainty_metrics`; and if a target has no label, or `ax` does not hold
        one for each.

    See Also
    --------
    calibration_curve : The numbers that are drawn.
    """
    panels = make_panels(y, mean, std, ax, target_names)
    levels = np.arange(101) / 100
    for axis, target, _ in panels:
        k = len(target.error)
        observed = coverage_at(levels, target.error, target.std)
        area = miscalibration_area(target.error, target.std)
        low, high = (stats.binom.ppf(q, k, levels) / k for q in (0.025, 0.975))
        axis.fill_between(
            levels, low, high, color="0.85", lw=0, label=f"95 % by chance, {k:,} labels"
        )
        axis.fill_between(levels, levels, observed, color=BLUE, alpha=0.2, lw=0)
        axis.plot(levels, levels, "--", color=GREY, lw=1, label="calibrated")
        axis.plot(
            levels, observed, color=BLUE, label=f"model: miscalibration area {area:.3f}"
        )
        axis.set(
            title=target.name,
            xlabel="expected coverage",
            ylabel="observed coverage",
            xlim=(0, 1),
            ylim=(0, 1),
            aspect="equal",
        )
        add_legend(axis)
    return _axes_of(panels)


def plot_error_against_std(
    y: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
    *,
    n_bins: int = 10,
    ax: Axes | Sequence[Axes] | None = None,
    target_names: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
) -> NDArray:
    """Draw absolute errors against standard deviations, one by one and binned.

    The root mean square error of a bin stands above the root mean square of its
    standard deviations, and should equal it: calibrated bins lie on the diagonal. Of
    the points, 68 % should lie in the shaded region below.

    Axes are logarithmic where standard deviations span more than a factor of ten and
    none is zero. Errors too small for such an axis are triangles at its lower end.

    Parameters
    ----------
    y : array-like of shape (m,) or (m, T)
        Labels. NaN is left out, target by target.
    mean, std : array-like, shaped as `y`
        Predictions and their standard deviations, in the units of `y`.
    n_bins : int, default=10
        Bins, of equally many predictions. Equal standard deviations share one.
    ax : Axes or sequence of Axes, default=None
        Where to draw, one a target. None makes a figure.
    target_names : sequence of str, default=None
        Titles. None takes the columns of a DataFrame `y` or the name of a Series,
        else ``target_0`` and so on.
    units : sequence of str, default=None
        Units of the targets for the labels of the axes, such as "eV/atom".

    Returns
    -------
    ndarray of Axes, shape (T,)

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        As `uncertainty_metrics`; and if a target has no label, `n_bins` is less than
        one, or `ax` or `units` does not hold one for each target.

    References
    ----------
    .. [1] Levi et al., Sensors 22, 5540 (2022).
    """
    if n_bins < 1:
        raise ValueError(f"n_bins is {n_bins}; at least one bin is needed.")
    panels = make_panels(y, mean, std, ax, target_names, units)
    for axis, target, in_unit in panels:
        x_ends, y_ends = _set_scale(axis, target)
        inside = 100 * np.mean(target.error <= target.std)
        axis.fill_between(
            x_ends,
            y_ends[0],
            x_ends,
            color=GREEN,
            alpha=0.15,
            lw=0,
            label=f"68 % expected here, {inside:.0f} % found",
        )
        axis.plot(x_ends, x_ends, "--", color=GREY, lw=1, label="error = std")
        _scatter(axis, target, y_ends[0])
        axis.plot(
            *_binned(target, n_bins),
            "o-",
            color=VERMILION,
            markeredgecolor="white",
            label="root mean square of bins",
        )
        axis.set(
            title=target.name,
            xlabel=f"predicted standard deviation{in_unit}",
            ylabel=f"absolute error{in_unit}",
            xlim=x_ends,
            ylim=y_ends,
        )
        add_legend(axis)
    return _axes_of(panels)


def plot_sparsification(
    y: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
    *,
    ax: Axes | Sequence[Axes] | None = None,
    target_names: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
) -> NDArray:
    """Draw the error of the predictions that remain without the least certain.

    The curve of a useful standard deviation falls from the dashed line, which random
    removal gives, towards that of the oracle, which knows the errors.

    Parameters
    ----------
    y : array-like of shape (m,) or (m, T)
        Labels. NaN is left out, target by target.
    mean, std : array-like, shaped as `y`
        Predictions and their standard deviations, in the units of `y`.
    ax : Axes or sequence of Axes, default=None
        Where to draw, one a target. None makes a figure.
    target_names : sequence of str, default=None
        Titles. None takes the columns of a DataFrame `y` or the name of a Series,
        else ``target_0`` and so on.
    units : sequence of str, default=None
        Units of the targets for the labels of the axes, such as "eV/atom".

    Returns
    -------
    ndarray of Axes, shape (T,)

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        As `uncertainty_metrics`; and if a target has no label, or `ax` or `units`
        does not hold one for each.

    See Also
    --------
    sparsification_curve : The numbers that are drawn.
    """
    panels = make_panels(y, mean, std, ax, target_names, units)
    for axis, target, in_unit in panels:
        removed, mae, oracle = sparsification(target.error, target.std)
        area = sparsification_error(target.error, target.std)
        axis.fill_between(removed, oracle, mae, color=BLUE, alpha=0.2, lw=0)
        axis.plot([0, 1], [mae[0]] * 2, "--", color=GREY, lw=1, label="random removal")
        axis.plot(
            removed, mae, color=BLUE, label=f"by std: sparsification error {area:.2f}"
        )
        axis.plot(removed, oracle, "-.", color=VERMILION, label="by error (oracle)")
        axis.set(
            title=target.name,
            xlabel="share of predictions removed",
            ylabel=f"MAE of the rest{in_unit}",
            xlim=(0, 1),
        )
        # Above the curves is room for the legend.
        axis.set_ylim(0, 1.3 * mae.max() or 1.0)
        add_legend(axis, "upper left")
    return _axes_of(panels)


def _set_scale(
    axis: Axes, target: TargetErrors
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Make the axis linear or logarithmic; give the ends of x and y."""
    std = target.std
    top = max(target.error.max(), std.max())
    if std.min() == 0 or std.max() <= 10 * std.min():
        return (0.0, 1.05 * std.max() or 1.0), (0.0, 1.05 * top or 1.0)
    axis.set(xscale="log", yscale="log")
    # A tenth of the smallest std is low enough: 8 % of the errors there are lower.
    low = np.clip(np.quantile(target.error, 0.03), std.min() / 10, std.min())
    # Above is room for the legend.
    return (std.min() / 1.2, std.max() * 1.2), (low / 1.2, top * (top / low) ** 0.2)


def _scatter(axis: Axes, target: TargetErrors, bottom: float) -> None:
    error, std = target.error, target.std
    seen = error >= bottom
    style: dict[str, Any] = {
        "color": BLUE,
        "alpha": opacity(len(error)),
        "linewidths": 0,
        "clip_on": False,
    }
    axis.scatter(std[seen], error[seen], s=12, label="predictions", **style)
    if not seen.all():
        lowest = np.full(int(np.sum(~seen)), bottom)
        style |= {"s": 30, "marker": 7}  # a triangle that stands on its tip
        axis.scatter(std[~seen], lowest, label="smaller errors", **style)


def _binned(target: TargetErrors, n_bins: int) -> tuple[NDArray, NDArray]:
    """Root mean square standard deviation and error of bins, of shape (bins,)."""
    inner = np.quantile(target.std, np.arange(1, n_bins) / n_bins)
    _, bin_ = np.unique(
        np.searchsorted(inner, target.std, side="right"), return_inverse=True
    )
    count = np.bincount(bin_)
    std, error = (
        np.sqrt(np.bincount(bin_, weights=values**2) / count)
        for values in (target.std, target.error)
    )
    return std, error


def _axes_of(panels: list[Panel]) -> NDArray:
    return np.array([axis for axis, _, _ in panels], dtype=object)


# Panels of a picture: one axis a target.


class Panel(NamedTuple):
    """An axis, the data to draw on it, and the suffix of quantities there."""

    axis: Axes
    target: TargetErrors
    in_unit: str


def make_panels(
    y: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike,
    ax: Axes | Sequence[Axes] | None,
    target_names: Sequence[str] | None,
    units: Sequence[str] | None = None,
) -> list[Panel]:
    """Check the data to be drawn, and give each target an axis.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        As `check_errors`; and if a target has no label, or `ax` or `units` does not
        hold one for each.
    """
    targets = check_errors(y, mean, std, target_names=target_names)
    check_labelled(targets)
    units = per_target("units", units, len(targets))
    in_units = [brackets(unit) for unit in units or [""] * len(targets)]
    axes = check_axes(ax, len(targets))
    return [Panel(*panel) for panel in zip(axes, targets, in_units, strict=True)]
