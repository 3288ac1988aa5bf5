"""Crystals with their atoms and edges coloured by importance."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element

from ._neighborhood import arrays_of

if TYPE_CHECKING:
    from matplotlib.cm import ScalarMappable
    from mpl_toolkits.mplot3d import Axes3D

    from ._explanation import CrystalExplanation

# Both can be read by colour-blind readers, and in grey.
_SIGNED, _UNSIGNED = "PuOr", "cividis_r"
_MOST_LABELS = 60  # more than these would hide each other


def plot_explanation(
    explanation: CrystalExplanation,
    *,
    n_edges: int = 60,
    unit: str | None = None,
    ax: Axes3D | None = None,
) -> Axes3D:
    """Draw a crystal with its atoms and edges by importance.

    Of each edge the half next to its target is drawn, the thicker and darker the more
    it matters. So the two directions of a bond are its two halves, and messages from
    other cells points there. For a prediction of the crystal the whole cell is drawn;
    for one of an atom, that atom with those in its reach, each where it is nearest by
    way of edges.

    Parameters
    ----------
    explanation : CrystalExplanation
    n_edges : int, default=60
        The strongest are drawn; more, if others are as strong as the last of them.
    unit : str, optional
        Unit of the target, such as "eV/atom", for the title, and for importances by
        gradients, which have it as well.
    ax : matplotlib Axes3D, default=None
        Where to draw; None makes a figure.

    Returns
    -------
    Axes3D

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    ValueError
        If `ax` is not three-dimensional, or `n_edges` not positive.
    """
    ax = _check_axes(ax)
    strongest = _strongest(explanation.edge_importance, n_edges)
    shown = np.zeros(len(explanation.atom_importance), dtype=bool)
    if explanation.atom is None:
        shown[:] = True
        place = arrays_of(explanation.structure).positions
        _draw_cell(ax, arrays_of(explanation.structure).lattice)
    else:
        place = _unfold(explanation)
        shown[explanation.edge_index[:, strongest]] = shown[explanation.atom] = True
    signed = explanation.method != "gnn_explainer"
    edges = _colours(explanation.edge_importance, signed)
    atoms = _colours(explanation.atom_importance, signed)
    _draw_edges(ax, explanation, place, strongest, edges)
    _draw_atoms(ax, explanation, place, np.flatnonzero(shown), atoms)
    ax.set(xlabel="x (Å)", ylabel="y (Å)", zlabel="z (Å)", aspect="equal")
    of_atom = "" if explanation.atom is None else f", site {explanation.atom}"
    value = f"{explanation.prediction:.3g} {unit or ''}".rstrip()
    ax.set_title(f"{explanation.target}{of_atom}: {value}")
    for mappable, kind, pad in ((edges, "edges", 0.03), (atoms, "elements", 0.12)):
        bar = ax.figure.colorbar(mappable, ax=ax, shrink=0.6, aspect=25, pad=pad)
        bar.set_label(
            f"importance of {kind}" + (f" ({unit})" if unit and signed else "")
        )
    return ax


def _check_axes(ax: Axes3D | None) -> Axes3D:
    try:
        from matplotlib import pyplot as plt
    except ImportError as error:
        raise ImportError(
            "Plots need matplotlib, which is not installed: "
            'pip install "skcrystal[plot]".'
        ) from error
    if ax is None:
        figure = plt.figure(figsize=(7.5, 5.2), layout="constrained")
        ax = figure.add_subplot(projection="3d")
    if ax.name != "3d":
        raise ValueError(
            'ax has two dimensions; make one with figure.add_subplot(projection="3d").'
        )
    ax.set_proj_type("ortho")
    ax.view_init(elev=17, azim=-68)  # along no bond of a crystal that stands upright
    ax.grid(False)
    ax.computed_zorder = False  # atoms and their labels before edges
    for axis in (ax.xaxis, ax.yaxis, ax.zaxis):
        axis.pane.fill = False
    return ax


def _strongest(importance: NDArray, n_edges: int) -> NDArray[np.int64]:
    """The strongest of E edges, weakest first, and those as strong as the last."""
    if n_edges < 1:
        raise ValueError(f"n_edges is {n_edges}; at least one edge must be drawn.")
    strength = np.abs(importance)
    order = np.argsort(strength, kind="stable")
    least = strength[order[-n_edges:]].min(initial=np.inf)
    order = order[strength[order] >= least * (1 - 1e-4)]
    return order[strength[order] > 0]


def _unfold(explanation: CrystalExplanation) -> NDArray[np.float64]:
    """Where atoms (S, 3) are about the explained one, by edges from atom to atom."""
    neighbor, target = explanation.edge_index
    place = arrays_of(explanation.structure).positions
    reached = np.zeros(len(place), dtype=bool)
    reached[explanation.atom] = True
    shortest = np.argsort(explanation.edge_distance, kind="stable")
    while True:
        step = shortest[reached[target[shortest]] & ~reached[neighbor[shortest]]]
        if len(step) == 0:
            return place
        found, first = np.unique(neighbor[step], return_index=True)
        edge = step[first]  # the shortest to each of them
        place[found] = place[target[edge]] + explanation.edge_vector[edge]
        reached[found] = True


def _colours(importance: NDArray, signed: bool) -> ScalarMappable:
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    largest = np.abs(importance).max(initial=0.0) or 1.0
    if signed:
        return ScalarMappable(Normalize(-largest, largest), _SIGNED)
    return ScalarMappable(Normalize(0, largest), _UNSIGNED)


def _draw_edges(
    ax: Axes3D,
    explanation: CrystalExplanation,
    place: NDArray,
    edges: NDArray[np.int64],
    colours: ScalarMappable,
) -> None:
    from mpl_toolkits.mplot3d.art3d import Line3DCollection

    importance = explanation.edge_importance[edges]
    start = place[explanation.edge_index[1, edges]]
    end = start + explanation.edge_vector[edges] / 2
    ax.add_collection3d(
        Line3DCollection(
            np.stack([start, end], axis=1),
            colors=colours.to_rgba(importance),
            linewidths=0.5 + 4 * np.abs(importance) / colours.norm.vmax,
            zorder=2,
        )
    )
    ax.auto_scale_xyz(*np.vstack([start, end]).T, had_data=True)


def _draw_atoms(
    ax: Axes3D,
    explanation: CrystalExplanation,
    place: NDArray,
    sites: NDArray[np.int64],
    colours: ScalarMappable,
) -> None:
    numbers = arrays_of(explanation.structure).atomic_numbers[sites]
    ax.scatter(
        *place[sites].T,
        s=200 if len(sites) <= _MOST_LABELS else 30,
        c=colours.to_rgba(explanation.atom_importance[sites]),
        edgecolors="black",
        linewidths=np.where(sites == explanation.atom, 2.5, 0.8),
        depthshade=False,
        zorder=3,
    )
    if len(sites) > _MOST_LABELS:
        return
    for site, number in zip(sites, numbers, strict=True):
        *rgb, _ = colours.to_rgba(explanation.atom_importance[site])
        dark = np.dot(rgb, [0.299, 0.587, 0.114]) < 0.5
        ax.text(
            *place[site],
            Element.from_Z(int(number)).symbol,
            color="white" if dark else "black",
            size=8,
            ha="center",
            va="center",
            zorder=4,
        )


def _draw_cell(ax: Axes3D, lattice: NDArray) -> None:
    for corner in product((0, 1), repeat=3):
        for axis in np.flatnonzero(np.array(corner) == 0):
            ends = np.array([corner, corner]) @ lattice
            ends[1] += lattice[axis]
            ax.plot(*ends.T, color="0.6", lw=0.8, zorder=1)
