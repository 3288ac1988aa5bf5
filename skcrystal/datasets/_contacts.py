"""Atoms that are too close, or alone."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element

from ..graphs._neighbors import find_edges
from ..graphs._settings import GraphSettings
from ..graphs._structures import CrystalArrays

_SETTINGS = GraphSettings(cutoff=4.0, on_isolated="nearest", reduce=None)


def odd_contacts(
    crystal: CrystalArrays, closest: float, farthest: float
) -> Iterator[tuple[float, str]]:
    """Yield what is odd about distances, with how odd: 1 at the limit, more beyond.

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

    radii = np.full(119, 1.7)  # of what comes after curium
    for symbol, radius in CovalentRadius.radius.items():
        if Element.is_valid_symbol(symbol):
            radii[Element(symbol).Z] = radius
    return radii
