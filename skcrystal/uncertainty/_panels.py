"""Panels of a picture: one axis a target."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from numpy.typing import ArrayLike

from ..utils._panels import brackets, check_axes
from ._curves import TargetErrors, check_errors, check_labelled, per_target

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class Panel(NamedTuple):
    """An axis, what to draw on it, and what follows names of quantities there."""

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
    """Check what is to be drawn, and give each target an axis.

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
