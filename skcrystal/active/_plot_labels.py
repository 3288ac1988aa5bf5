"""Plots of labels: which were queried, and how well they are predicted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import r2_score

from ..estimators.targets._targets import check_targets
from ..uncertainty._plots import make_panels
from ..utils._plotting import (
    BLUE,
    GREY,
    SKY,
    add_legend,
    brackets,
    check_axes,
    draw_densities,
    opacity,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_queried(
    labels_pool: ArrayLike | pd.DataFrame,
    queries: pd.DataFrame | ArrayLike,
    target: str | Sequence[str] | None = None,
    *,
    unit: str | Sequence[str] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> NDArray:
    """Draw how labels of queried crystals are distributed, against those of the pool.

    All histograms of a panel have the same bins and integrate to one.

    Parameters
    ----------
    labels_pool : array-like or DataFrame of shape (n,) or (n, T)
        Labels of the whole pool. NaN is left out, target by target.
    queries : DataFrame or array-like of int
        ``queries_`` of a campaign, or rows of the pool. Cycle 0, which no strategy
        picked, is drawn apart from later cycles where there is a column ``cycle``.
    target : str or sequence of str, default=None
        Columns of `labels_pool` to draw. If it has no named columns, names for all of
        them. None draws all.
    unit : str or sequence of str, default=None
        Unit of each target drawn, for the labels of the axes, such as "eV/atom".
    ax : Axes or sequence of Axes, default=None
        Where to draw, one a target. None makes a figure.

    Returns
    -------
    ndarray of Axes, shape (T,)

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If `labels_pool` is of another shape, infinite or without `target`; `queries`
        holds no rows of it, or none with a label; or `unit` or `ax` does not hold one
        for each target.
    """
    pool = _check_pool(labels_pool, target)
    groups = _check_queries(queries, len(pool))
    units = [None] * pool.shape[1] if unit is None else list(np.atleast_1d(unit))
    if len(units) != pool.shape[1]:
        raise ValueError(
            f"unit has {len(units)} entries ({', '.join(map(str, units))}), but "
            f"{pool.shape[1]} targets are drawn ({', '.join(pool)}); give one for each."
        )
    samples = [
        _samples(name, labels.to_numpy(), groups) for name, labels in pool.items()
    ]
    axes = check_axes(ax, pool.shape[1], holder="labels_pool")
    for axis, name, sample, of_one in zip(axes, pool, samples, units, strict=True):
        draw_densities(axis, sample)
        density = f"density per {of_one}" if of_one else "density"
        axis.set(xlabel=f"{name}{brackets(of_one)}", ylabel=density)
        add_legend(axis)
    return axes


def plot_parity(
    y: ArrayLike,
    mean: ArrayLike,
    std: ArrayLike | None = None,
    *,
    target_names: Sequence[str] | None = None,
    units: Sequence[str] | None = None,
    ax: Axes | Sequence[Axes] | None = None,
) -> NDArray:
    """Draw predictions against labels, with their mean absolute error and R².

    Parameters
    ----------
    y : array-like of shape (m,) or (m, T)
        Labels. NaN is left out, target by target.
    mean : array-like, shaped as `y`
        Predictions, in the units of `y`.
    std : array-like, shaped as `y`, default=None
        Their standard deviations, drawn as bars.
    target_names : sequence of str, default=None
        Titles. None takes the columns of a DataFrame `y` or the name of a Series,
        else ``target_0`` and so on.
    units : sequence of str, default=None
        Units of the targets, such as "eV/atom".
    ax : Axes or sequence of Axes, default=None
        Where to draw, one a target. None makes a figure.

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
    """
    drawn = np.zeros(np.shape(y)) if std is None else std
    panels = make_panels(y, mean, drawn, ax, target_names, units)
    labels = check_targets(y, np.shape(y)[0], allow_empty=True).values
    predictions = np.reshape(mean, labels.shape)
    for t, (axis, target, in_unit) in enumerate(panels):
        known = ~np.isnan(labels[:, t])
        true, predicted = labels[known, t], predictions[known, t]
        if std is not None:
            bars: dict[str, Any] = {
                "ecolor": SKY,
                "elinewidth": 0.8,
                "alpha": 0.6,
                "zorder": 1.8,
            }
            axis.errorbar(
                true, predicted, target.std, fmt="none", label="± std", **bars
            )
            add_legend(axis, "lower right")
        dots: dict[str, Any] = {
            "s": 14,
            "alpha": opacity(len(true)),
            "linewidths": 0,
            "zorder": 2,
        }
        axis.scatter(true, predicted, color=BLUE, **dots)
        both = np.concatenate([true, predicted])
        room = 0.05 * np.ptp(both) or 1.0
        ends = both.min() - room, both.max() + room
        axis.plot(ends, ends, "--", color=GREY, lw=1, zorder=1)
        errors = f"MAE {target.error.mean():.3g} {in_unit[2:-1]}".rstrip()
        if np.ptp(true) > 0:  # else R² has no meaning
            errors += f"\nR² {r2_score(true, predicted):.3f}"
        axis.text(0.05, 0.95, errors, transform=axis.transAxes, va="top")
        axis.set(
            title=target.name,
            xlabel=f"true{in_unit}",
            ylabel=f"predicted{in_unit}",
            xlim=ends,
            ylim=ends,
            aspect="equal",
        )
    return np.array([panel.axis for panel in panels], dtype=object)


def _check_pool(
    labels_pool: ArrayLike | pd.DataFrame, target: str | Sequence[str] | None
) -> pd.DataFrame:
    """Labels (n, T) of the targets to draw, under their names."""
    shape = np.shape(labels_pool)
    if len(shape) not in (1, 2) or 0 in shape:
        raise ValueError(
            f"labels_pool has shape {shape}; (n,) or (n, n_targets) is expected, with "
            "one row or more."
        )
    pool = _named(labels_pool, [target] if isinstance(target, str) else target)
    try:
        pool = pool.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"labels_pool must be numeric: {error}. Name the columns to draw in target."
        ) from error
    if np.isinf(pool).any(axis=None):
        row, t = np.argwhere(np.isinf(pool.to_numpy()))[0]
        raise ValueError(
            f"labels_pool[{row}] of {pool.columns[t]} is {pool.iat[row, t]}; correct "
            "it, or set it to NaN."
        )
    return pool


def _named(labels_pool: Any, wanted: Sequence[str] | None) -> pd.DataFrame:
    """Columns that are wanted; without names of their own, all, under those names."""
    pool = pd.DataFrame(labels_pool)
    if hasattr(labels_pool, "columns"):
        if lost := [name for name in wanted or () if name not in pool]:
            raise ValueError(
                f"target is {lost[0]!r}, but labels_pool has no such column; it "
                f"has {[*pool]}."
            )
        return pool if wanted is None else pool[list(wanted)]
    if wanted is None and getattr(labels_pool, "name", None) is not None:
        return pool
    if wanted is None:
        wanted = [f"target_{t}" for t in range(pool.shape[1])]
    if len(wanted) != pool.shape[1]:
        raise ValueError(
            f"target has {len(wanted)} names ({', '.join(wanted)}), but labels_pool "
            f"has shape {np.shape(labels_pool)} and no names; give one a column, or a "
            "DataFrame."
        )
    return pool.set_axis(list(wanted), axis=1)


def _check_queries(queries: Any, n: int) -> dict[str, NDArray]:
    """Rows of the pool, those of cycle 0 apart if that is known."""
    if isinstance(queries, pd.DataFrame) and "row" not in queries:
        raise ValueError(
            f"queries has columns {[*queries]}; a column 'row' is needed, as in "
            "queries_ of a campaign."
        )
    framed = isinstance(queries, pd.DataFrame)
    rows = np.asarray(queries["row"] if framed else queries)
    if rows.ndim != 1 or not len(rows) or not np.issubdtype(rows.dtype, np.integer):
        raise ValueError(
            f"queries has rows of shape {rows.shape} and type {rows.dtype}; integers "
            "(k,) are needed, one or more: rows of the pool."
        )
    if len(bad := rows[(rows < 0) | (rows >= n)]):
        raise ValueError(
            f"queries has row {bad[0]}, but labels_pool has {n} rows; give the "
            "labels of the whole pool, in the order in which the campaign had it."
        )
    if not framed or "cycle" not in queries:
        return {"queried": rows}
    initial = queries["cycle"].to_numpy() == 0
    return {"queried": rows[~initial], "initial": rows[initial]}


def _samples(name: str, labels: NDArray, groups: dict[str, NDArray]) -> dict:
    """Labels, NaN left out, of the pool and of each group that has any."""
    found = {"pool": labels} | {group: labels[rows] for group, rows in groups.items()}
    known = {group: values[~np.isnan(values)] for group, values in found.items()}
    samples = {group: values for group, values in known.items() if len(values)}
    if len(samples) < 2:
        raise ValueError(
            f"labels_pool has no label of {name} for any crystal in queries; leave the "
            "target out."
        )
    return samples
