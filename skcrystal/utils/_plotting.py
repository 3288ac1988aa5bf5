"""Axes, colours, legends and shapes that plots share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind readers can distinguish. Their yellow is
# left out: it is too pale for lines on white.
BLUE, VERMILION, GREEN = "#0072B2", "#D55E00", "#009E73"
PURPLE, ORANGE, SKY = "#CC79A7", "#E69F00", "#56B4E9"
GREY = "0.35"
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, "black", ORANGE, SKY)
# One more than colours: 56 lines differ in one or the other.
MARKERS = "os^vDPX*"


def check_axes(
    ax: Axes | Sequence[Axes] | None,
    n_panels: int,
    *,
    holder: str = "y",
    panel: str = "target",
    share_y: bool = False,
) -> NDArray:
    """Give each panel an axis: those that are given, or those of a new figure.

    Parameters
    ----------
    ax : Axes, sequence of Axes or None
    n_panels : int
    holder, panel : str
        For the error message: the argument that sets the panels, and the content of
        each.
    share_y : bool, default=False
        Whether the axes of a new figure have one scale of y.

    Returns
    -------
    ndarray of Axes, shape (n_panels,)

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If `ax` does not hold one axis a panel.
    """
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib, which is not installed: "
            'pip install "skcrystal[plot]".'
        ) from error
    if ax is None:
        return plt.subplots(
            1,
            n_panels,
            figsize=(4.6 * n_panels, 4.4),
            layout="constrained",
            sharey=share_y,
            squeeze=False,
        )[1][0]
    axes = np.array(ax, dtype=object).ravel()
    if len(axes) != n_panels:
        plural = "" if n_panels == 1 else "s"
        raise ValueError(
            f"ax holds {len(axes)} axes, but {holder} has {n_panels} {panel}{plural}; "
            "give one axis for each."
        )
    return axes


def add_legend(
    axis: Axes,
    place: Literal["best", "lower right", "upper left"] = "best",
    title: str | None = None,
) -> None:
    axis.legend(
        loc=place,
        title=title,
        fontsize="small",
        title_fontsize="small",
        framealpha=0.9,
        edgecolor="none",
    )


def brackets(unit: str | None) -> str:
    """Suffix of a quantity's name: its unit, if it has one."""
    return f" ({unit})" if unit else ""


def opacity(n_points: int) -> float:
    """Make many points of a cloud fainter than few, so that its density shows."""
    return float(np.clip(200 / max(n_points, 1), 0.15, 0.6))


def draw_band(
    axis: Axes,
    x: NDArray,
    mean: NDArray,
    std: NDArray,
    *,
    color: str,
    marker: str,
    label: str,
) -> None:
    """Draw means (k,) with standard deviations (k,), NaN where there is none.

    Several means are a line in a band; a single one is a marker with a bar, and a
    dashed line across the axis.
    """
    style: dict[str, Any] = {
        "color": color,
        "marker": marker,
        "label": label,
        "markersize": 6,
        "markeredgecolor": "white",
        "markeredgewidth": 0.6,
    }
    if len(x) > 1:
        axis.fill_between(x, mean - std, mean + std, color=color, alpha=0.18, lw=0)
        axis.plot(x, mean, "-", **style)
        return
    axis.axhline(mean[0], ls="--", lw=1, color=color, zorder=1.5)
    bar = None if np.isnan(std[0]) else std
    # One point shows no line, but the legend shall have it.
    axis.errorbar(x, mean, bar, ls="--", lw=1, capsize=3, zorder=3, **style)


def draw_densities(axis: Axes, samples: dict[str, NDArray]) -> None:
    """Draw histograms of samples by name, the first as a shade, on the same bins.

    Parameters
    ----------
    axis : Axes
    samples : dict of str to ndarray of shape (k,)
        Two or three.
    """
    everything = np.concatenate(list(samples.values()))
    # Rice's rule, but not for the largest: with its bins the others would show noise.
    second = sorted(len(sample) for sample in samples.values())[-2]
    n_bins = max(10, int(np.ceil(2 * np.cbrt(second))))
    edges = np.histogram_bin_edges(everything, bins=n_bins)
    looks: list[dict[str, Any]] = [{"fill": True, "color": "0.82"}] + [
        {"color": colour, "ls": line, "lw": 1.8}
        for colour, line in zip(COLOURS, ("-", "--"), strict=False)
    ]
    for (name, sample), look in zip(samples.items(), looks, strict=False):
        density, _ = np.histogram(sample, edges, density=True)
        axis.stairs(density, edges, label=f"{name} ({len(sample):,})", **look)
    axis.margins(x=0)
