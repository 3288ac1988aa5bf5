"""Plots of campaigns: errors by number of labels, and uncertainty of models."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import pandas as pd
from numpy.typing import NDArray

from ..utils._plotting import (
    COLOURS,
    MARKERS,
    add_legend,
    brackets,
    check_axes,
    draw_band,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRICS = {"mae": "MAE", "rmse": "RMSE", "r2": "R²"}


def plot_learning_curves(
    results: pd.DataFrame,
    target: str,
    *,
    metric: str = "mae",
    unit: str | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> NDArray:
    """Draw the test error of each strategy against the number of labels.

    A line is the mean over seeds, and its band one standard deviation over seeds to
    either side (with n - 1 in the denominator). A strategy that trains once, on all its
    labels, is a marker with such a bar, and a dashed line to compare with.

    Parameters
    ----------
    results : DataFrame
        From `compare_strategies`, or ``history_`` of a campaign.
    target : str
        Name of the target.
    metric : {"mae", "rmse", "r2"}, default="mae"
    unit : str, default=None
        Unit of the target for the label of the axis, such as "eV/atom".
    ax : Axes or sequence of Axes, default=None
        Where to draw, one an architecture. None makes a figure.

    Returns
    -------
    ndarray of Axes, shape (n_architectures,)

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If `results` is not a DataFrame.
    ValueError
        If `metric` is unknown, `results` has no such column or only NaN there, or `ax`
        does not hold one axis for each architecture.

    See Also
    --------
    labels_saved : How many labels fewer a strategy needs.
    """
    if metric not in METRICS:
        raise ValueError(f"metric is {metric!r}; it must be one of {[*METRICS]}.")
    _check_column(results, f"{metric}_", target, "give the test set more labels")
    in_unit = "" if metric == "r2" else brackets(unit)
    label = f"{METRICS[metric]} of {target}{in_unit}"
    return _draw_curves(results, f"{metric}_{target}", label, ax)


def plot_disagreement(
    results: pd.DataFrame,
    target: str,
    *,
    unit: str | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> NDArray:
    """Draw the mean standard deviation on the test set against the number of labels.

    Lines and bands are those of `plot_learning_curves`, and so are the colours of
    strategies. Strategies whose models give no standard deviations are left out.

    Parameters
    ----------
    results : DataFrame
        From `compare_strategies`, or ``history_`` of a campaign.
    target : str
        Name of the target.
    unit : str, default=None
        Unit of the target for the label of the axis, such as "eV/atom".
    ax : Axes or sequence of Axes, default=None
        Where to draw, one an architecture with standard deviations. None makes a
        figure.

    Returns
    -------
    ndarray of Axes, shape (n_architectures,)

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If `results` is not a DataFrame.
    ValueError
        If `results` has no such target, no strategy has standard deviations, or `ax`
        does not hold one axis for each architecture that has.
    """
    _check_column(
        results,
        "mean_std_",
        target,
        "use a model with standard deviations, such as EnsembleRegressor",
    )
    label = f"mean std of {target}{brackets(unit)}"
    return _draw_curves(results, f"mean_std_{target}", label, ax)


def _check_column(
    results: pd.DataFrame, prefix: str, target: str, way_out: str
) -> None:
    if not isinstance(results, pd.DataFrame):
        raise TypeError(
            f"results is a {type(results).__name__}; give the DataFrame that "
            "compare_strategies returns, or history_ of a campaign."
        )
    column = f"{prefix}{target}"
    if column not in results:
        found = [name for name in results if str(name).startswith(prefix)]
        raise ValueError(f"results has no column {column!r}; it has {found}.")
    if results[column].isna().all():
        raise ValueError(f"results[{column!r}] holds only NaN; {way_out}.")


def _draw_curves(
    results: pd.DataFrame, column: str, label: str, ax: Axes | Sequence[Axes] | None
) -> NDArray:
    """Draw a column against labels: an axis an architecture, a line a strategy."""
    # Strategies that are left out keep their colour, for pictures side by side.
    names = [name for name, _ in _parts(results, "strategy")]
    looks = dict(
        zip(names, zip(cycle(COLOURS), cycle(MARKERS), strict=False), strict=False)
    )
    panels = _parts(results[results[column].notna()], "architecture")
    axes = check_axes(
        ax, len(panels), holder="results", panel="architecture", share_y=True
    )
    for axis, (architecture, of_one) in zip(axes, panels, strict=True):
        n_seeds = set()
        for strategy, frame in _parts(of_one, "strategy"):
            cycles = frame.groupby("cycle")
            n_seeds |= set(cycles.size())
            # Where an oracle failed, seeds differ a little in their labels.
            n, mean = cycles["n_labelled"].mean(), cycles[column].mean()
            std = cycles[column].std()
            colour, marker = looks[strategy]
            x, center, width = (part.to_numpy() for part in (n, mean, std))
            draw_band(
                axis, x, center, width, color=colour, marker=marker, label=strategy
            )
        axis.set(title=architecture, xlabel="labelled crystals", ylabel=label)
        seeds = "–".join(str(n) for n in sorted({min(n_seeds), max(n_seeds)}))
        if "strategy" in results:
            title = f"mean ± std of {seeds} seeds" if seeds != "1" else None
            add_legend(axis, title=title)
    if ax is None:
        for axis in axes[1:]:
            axis.set_ylabel("")  # they share that of the first
    return axes


def _parts(results: pd.DataFrame, key: str) -> list[tuple[str, pd.DataFrame]]:
    """Rows of each architecture or strategy; all of them without such a column."""
    if key not in results:
        return [("", results)]
    groups = results.groupby(key, sort=False, observed=True)
    return [(str(name), frame) for name, frame in groups]
