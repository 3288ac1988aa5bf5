"""Features of a composition, for distances between compositions."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element

from ..graphs._compositions import element_counts

# Keys of pymatgen's element table; known for all elements but a few.
_PROPERTIES = ("X", "Mendeleev no", "Atomic radius", "Atomic mass")


def composition_features(X: Any) -> NDArray[np.float64]:
    """Mean and spread of element properties over the atoms of each crystal.

    Parameters
    ----------
    X : CrystalGraphs, or sequence of n crystals or PyG Data

    Returns
    -------
    ndarray of shape (n, 12)
        Of electronegativity, Mendeleev number, radius, mass, group and period, each in
        standard deviations over the elements: the mean over atoms, then the standard
        deviation over atoms.
    """
    counts = element_counts(X)
    shares = counts / counts.sum(axis=1)[:, None]
    table = _element_table()
    mean = shares @ table
    square = shares @ table**2
    # Rounding may give less than zero.
    return np.hstack([mean, np.sqrt(np.maximum(square - mean**2, 0))])


@cache
def _element_table() -> NDArray[np.float64]:
    """Standardised properties by atomic number, (119, 6); the first row is empty."""
    table = np.full((119, len(_PROPERTIES) + 2), np.nan)
    for z in range(1, 119):
        element = Element.from_Z(z)
        known = [element.data.get(key) for key in _PROPERTIES]
        numbers = [v if isinstance(v, int | float) else np.nan for v in known]
        table[z] = [*numbers, element.group, element.row]
    table -= np.nanmean(table, axis=0)
    table /= np.nanstd(table, axis=0)
    # Where a property is not known, the mean over the others stands in.
    return np.nan_to_num(table)
