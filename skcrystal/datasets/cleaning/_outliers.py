"""Crystals whose labels or geometry look wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Element, Structure
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from ...graphs._neighbors import find_edges
from ...graphs._settings import GraphSettings
from ...graphs._structures import CrystalArrays, iter_crystals
from .._bunch import labelled_crystals

_NEIGHBORS = 8
_FEWEST = 30  # fewer crystals give no usual range
_NORMAL = 1.4826  # standard deviations of a normal distribution in a median deviation


def find_outliers(
    crystals: Bunch | Sequence[Structure],
    *,
    threshold: float = 8.0,
    closest: float = 0.65,
    farthest: float = 1.8,
    verbose: bool | int = False,
) -> pd.DataFrame:
    """List crystals whose labels or geometry are suspicious, with the reasons.

    Wrong labels are rare and large: a crystal is listed if

    - a label is far from the median of all, or from that of the eight crystals of
      nearest composition. How far is counted in robust standard deviations: over all,
      that of the middle nine tenths; among neighbours, their spread and the usual
      distance of a label from its neighbours' median, added in squares;
    - so is its volume per atom (on a logarithmic scale, by composition alone);
    - two atoms are closer than `closest`, or an atom's nearest is beyond `farthest`.

    Parameters
    ----------
    crystals : Bunch or sequence of n pymatgen Structures
        Ordered crystals, and labels if it is a Bunch. Labels in words are passed over.
    threshold : float, default=8.0
        Robust standard deviations beyond which a label or volume is listed.
    closest : float, default=0.65
        Least distance of two atoms, in sums of their covalent radii.
    farthest : float, default=1.8
        Largest distance of an atom to its nearest, in the same.
    verbose : bool or int, default=False
        Whether to show a progress bar.

    Returns
    -------
    DataFrame
        A row a suspect, the worst first, indexed as the Bunch's frame: ``row``, its
        position in `data`; ``formula``; the labels; ``score``, the largest excess, 1 at
        a limit; ``reasons`` in words.

    Raises
    ------
    TypeError
        If an entry is not a Structure.
    ValueError
        If a crystal is disordered or has no volume.

    Notes
    -----
    Listed crystals are unusual, not wrong: high-pressure phases and molecules have odd
    volumes, solid noble gases are far apart, and gaps differ between polymorphs. Other
    crystals may be wrong by less. With fewer than 30 labels only geometry is
    looked at. Time grows with the square of the number of crystals.

    Of 32,327 Materials Project crystals 427 are listed (1.3 %): 95 for formation
    energies, 307 for gaps, 14 for volumes, 21 for distances. The four energies among
    them that are known to be wrong are on places 1, 2, 10 and 11 of the 95.

    Examples
    --------
    >>> from skcrystal.datasets import find_outliers, load_pbe_prototypes
    >>> bunch = load_pbe_prototypes()
    >>> bunch.target[7, 0] -= 20  # eV/atom
    >>> find_outliers(bunch)["row"].tolist()[0]
    7
    """
    structures, formulas, labels = labelled_crystals(crystals)
    found: dict[int, list[tuple[float, str]]] = {}
    arrays = list(iter_crystals(structures))
    for i, crystal in enumerate(
        tqdm(arrays, unit="crystal", desc="distances", disable=not verbose)
    ):
        odd = list(unusual_contacts(crystal, closest, farthest))
        if odd:
            found[i] = odd
    for i, excess, reason in _odd_numbers(arrays, labels, threshold):
        found.setdefault(i, []).append((excess, reason))
    rows = sorted(found, key=lambda i: -max(excess for excess, _ in found[i]))
    table = labels.iloc[rows].copy()
    table.insert(0, "row", rows)
    table.insert(1, "formula", [formulas[i] for i in rows])
    table["score"] = [max(excess for excess, _ in found[i]) for i in rows]
    table["reasons"] = ["; ".join(reason for _, reason in found[i]) for i in rows]
    return table


def _odd_numbers(
    arrays: list[CrystalArrays], labels: pd.DataFrame, threshold: float
) -> Iterator[tuple[int, float, str]]:
    fractions = _fractions(arrays)
    volumes = [abs(np.linalg.det(c.lattice)) / len(c.atomic_numbers) for c in arrays]
    neighbors: dict[bytes, NDArray[np.intp]] = {}
    columns = [(name, labels[name], False) for name in labels.columns]
    for name, column, logarithmic in [*columns, ("volume", volumes, True)]:
        values = pd.to_numeric(pd.Series(list(column)), errors="coerce").to_numpy(float)
        there = np.flatnonzero(np.isfinite(values))
        if len(there) < _FEWEST:
            continue
        key = there.tobytes()
        if key not in neighbors:
            neighbors[key] = _nearest(fractions[there])
        values = values[there]
        scale = np.log(values) if logarithmic else values
        sigmas, centres = _among_neighbors(scale, neighbors[key])
        for i in np.flatnonzero(sigmas > threshold):
            yield (
                int(there[i]),
                sigmas[i] / threshold,
                _reason(name, values[i], centres[i], sigmas[i]),
            )
        if not logarithmic:
            sigmas, centre = _among_all(values)
            for i in np.flatnonzero(sigmas > threshold):
                text = (
                    f"{name} is {values[i]:.4g}, {sigmas[i]:.0f} standard deviations "
                )
                text += f"from the median of all, {centre:.4g}"
                yield int(there[i]), sigmas[i] / threshold, text


def _reason(name: str, value: float, centre: float, sigma: float) -> str:
    if name == "volume":
        return (
            f"{value:.3g} Å³ an atom, where crystals of nearest composition have "
            f"{np.exp(centre):.3g} ({sigma:.0f} standard deviations)"
        )
    return (
        f"{name} is {value:.4g}, where crystals of nearest composition have "
        f"{centre:.4g} ({sigma:.0f} standard deviations)"
    )


def _fractions(arrays: list[CrystalArrays]) -> NDArray[np.float32]:
    fractions = np.zeros((len(arrays), 119), dtype=np.float32)
    for row, crystal in zip(fractions, arrays, strict=True):
        row += np.bincount(crystal.atomic_numbers, minlength=119) / len(
            crystal.atomic_numbers
        )
    return fractions


def _nearest(fractions: NDArray[np.float32]) -> NDArray[np.intp]:
    """Rows of nearest composition to each, itself not among them."""
    search = NearestNeighbors(n_neighbors=_NEIGHBORS + 1, algorithm="brute")
    found = search.fit(fractions).kneighbors(fractions, return_distance=False)
    other = found != np.arange(len(found))[:, None]
    other[other.all(axis=1), -1] = False  # of more equal ones than requested
    return found[other].reshape(len(found), _NEIGHBORS)


def _among_neighbors(
    values: NDArray[np.float64], neighbors: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Distances from the neighbours' median in standard deviations, and the median."""
    around = values[neighbors]
    centres = np.median(around, axis=1)
    spread = _NORMAL * np.median(np.abs(around - centres[:, None]), axis=1)
    distance = np.abs(values - centres)
    usual = _NORMAL * np.median(distance) or np.quantile(distance, 0.9) / 1.645
    if not usual:
        return np.zeros(len(values)), centres
    return distance / np.hypot(spread, usual), centres


def _among_all(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], Any]:
    low, centre, high = np.quantile(values, [0.05, 0.5, 0.95])
    scale = (high - low) / 3.29
    return (np.abs(values - centre) / scale if scale else np.zeros(len(values))), centre


# Atoms that are too close, or alone.


_SETTINGS = GraphSettings(cutoff=4.0, on_isolated="nearest", reduce=None)


def unusual_contacts(
    crystal: CrystalArrays, closest: float, farthest: float
) -> Iterator[tuple[float, str]]:
    """Yield unusual distances and how unusual each is: 1 at the limit, more beyond.

    Parameters
    ----------
    crystal : CrystalArrays
    closest, farthest : float
        Limits of the distance of an atom to the nearest, in sums of covalent radii.
    """
    try:
        edges = find_edges(crystal, _SETTINGS, 0)
    except ValueError as error:  # two sites in one place, or a lone atom
        yield np.inf, str(error).partition(": ")[2]
        return
    numbers, radii = crystal.atomic_numbers, _radii()
    sums = radii[numbers[edges.target]] + radii[numbers[edges.neighbor]]
    contact = edges.distance / sums
    nearest = np.full(len(numbers), np.inf)
    np.minimum.at(nearest, edges.target, contact)
    short = int(contact.argmin())
    if contact[short] < closest:
        i, j = int(edges.target[short]), int(edges.neighbor[short])
        yield (
            closest / contact[short],
            f"sites {i} ({_symbol(numbers[i])}) and {j} ({_symbol(numbers[j])}) are "
            f"{edges.distance[short]:.3g} Å apart, {contact[short]:.2g} of the sum of "
            "their covalent radii",
        )
    lone = int(nearest.argmax())
    if nearest[lone] > farthest:
        distance = edges.distance[edges.target == lone].min()
        yield (
            nearest[lone] / farthest,
            f"site {lone} ({_symbol(numbers[lone])}) is alone: {distance:.3g} Å from "
            f"the nearest atom, {nearest[lone]:.2g} of the sum of their covalent radii",
        )


def _symbol(atomic_number: int) -> str:
    return Element.from_Z(int(atomic_number)).symbol


@cache
def _radii() -> NDArray[np.float64]:
    """Covalent radii (Cordero et al., 2008) in Å, by atomic number."""
    from pymatgen.analysis.molecule_structure_comparator import CovalentRadius

    radii = np.full(119, 1.7)  # of elements after curium
    for symbol, radius in CovalentRadius.radius.items():
        if Element.is_valid_symbol(symbol):
            radii[Element(symbol).Z] = radius
    return radii
