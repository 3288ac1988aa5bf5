"""A part of the training set, held back."""

import numpy as np
from numpy.typing import NDArray

from ..graphs import CrystalGraphs


def formula_ids(graphs: CrystalGraphs) -> NDArray[np.int64]:
    """Number the reduced formulas of n crystals: equal formula, equal number.

    Parameters
    ----------
    graphs : CrystalGraphs

    Returns
    -------
    ndarray of shape (n,)
    """
    width = 119
    crystal = np.repeat(np.arange(len(graphs)), graphs.n_sites)
    counts = np.bincount(
        crystal * width + graphs.to_sites(graphs.atomic_numbers),
        minlength=len(graphs) * width,
    ).reshape(-1, width)
    counts //= np.gcd.reduce(counts, axis=1)[:, None]
    return np.unique(counts, axis=0, return_inverse=True)[1].ravel()


def hold_back(
    graphs: CrystalGraphs, fraction: float, random: np.random.RandomState
) -> tuple[NDArray, NDArray]:
    """Split crystals in two, with no formula on both sides.

    Polymorphs resemble each other so much that a network which has seen one
    overestimates itself on the next.

    Parameters
    ----------
    graphs : CrystalGraphs
        n crystals.
    fraction : float
        How many of them to hold back, at most; but one formula at least.
    random : RandomState

    Returns
    -------
    kept, held : ndarray of int

    Raises
    ------
    ValueError
        If there are fewer than two formulas.
    """
    group = formula_ids(graphs)
    sizes = np.bincount(group)
    if len(sizes) < 2:
        raise ValueError(
            f"early_stopping=True holds back whole formulas, but all {len(graphs)} "
            "crystals share one; set early_stopping=False or add others."
        )
    wanted, n_held, held = fraction * len(graphs), 0, []
    for formula in random.permutation(len(sizes)):
        # A formula with more crystals than are wanted stays on the other side.
        if n_held + sizes[formula] <= max(wanted, 1) and len(held) < len(sizes) - 1:
            held.append(formula)
            n_held += sizes[formula]
    is_held = np.isin(group, held or [sizes.argmin()])
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)
