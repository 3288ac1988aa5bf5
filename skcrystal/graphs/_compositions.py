"""Compositions of crystals in any form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from ._container import CrystalGraphs
from ._structures import check_sequence, iter_crystals


def element_counts(X: Any) -> csr_array:
    """Count the atoms of each element in each crystal.

    Parameters
    ----------
    X : CrystalGraphs, or sequence of n crystals or PyG Data

    Returns
    -------
    csr_array of shape (n, 119), int64
        Columns are atomic numbers. Atoms that were merged count as the sites that they
        stand for.

    Raises
    ------
    TypeError
        If an entry is neither crystal nor graph.
    ValueError
        If `X` is empty, or a crystal is disordered or broken.
    """
    if not isinstance(X, CrystalGraphs):
        check_sequence(X)
        if holds_data(X):
            X = CrystalGraphs.from_data_list(list(X))
    if isinstance(X, CrystalGraphs):
        numbers, n_sites = X.to_sites(X.atomic_numbers), X.n_sites
    else:
        crystals = [crystal.atomic_numbers for crystal in iter_crystals(X)]
        numbers = np.concatenate(crystals)
        n_sites = np.array([len(z) for z in crystals])
    rows = np.repeat(np.arange(len(n_sites)), n_sites)
    ones = np.ones(len(numbers), dtype=np.int64)
    # Sites of one element add up.
    return csr_array((ones, (rows, numbers.astype(np.int64))), (len(n_sites), 119))


def reduced_formulas(
    X: Any,
) -> tuple[NDArray[np.int64], list[tuple[NDArray[np.integer], NDArray[np.int64]]]]:
    """Number the reduced formulas of n crystals: equal formula, equal number.

    Parameters
    ----------
    X : CrystalGraphs, or sequence of n crystals or PyG Data

    Returns
    -------
    formula : ndarray of shape (n,)
        From 0, in the order in which formulas occur.
    parts : list
        Of each formula the atomic numbers, and how many atoms of each.
    """
    counts = element_counts(X)
    counts.sort_indices()
    numbers_of: dict[bytes, int] = {}
    formula = np.empty(counts.shape[0], dtype=np.int64)
    parts: list[tuple[NDArray[np.integer], NDArray[np.int64]]] = []
    for i in range(len(formula)):
        row = slice(counts.indptr[i], counts.indptr[i + 1])
        numbers, amounts = counts.indices[row], counts.data[row]
        amounts = amounts // np.gcd.reduce(amounts)
        key = numbers.tobytes() + amounts.tobytes()
        if key not in numbers_of:
            numbers_of[key] = len(parts)
            parts.append((numbers, amounts))
        formula[i] = numbers_of[key]
    return formula, parts


def holds_data(X: Any) -> bool:
    """Whether a sequence holds PyG graphs."""
    if not hasattr(X, "__len__") or len(X) == 0:
        return False
    first = getattr(X, "iloc", X)
    try:
        first = first[0]
    except (KeyError, IndexError, TypeError):
        return False
    # By name, so that structures do not pay for an import.
    return any(
        c.__name__ == "Data" and c.__module__.startswith("torch_geometric")
        for c in type(first).__mro__
    )
