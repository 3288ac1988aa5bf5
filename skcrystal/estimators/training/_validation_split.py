"""A part of the training set, held back."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...graphs._compositions import reduced_formulas
from ...utils._random import draw_groups
from ..targets._training_set import Labelled


def hold_back(
    X: Any,
    fraction: float,
    random: np.random.RandomState,
    otherwise: str = "add others",
    *,
    whole: str = "formulas",
) -> tuple[NDArray, NDArray]:
    """Split crystals in two, with no formula on both sides.

    Polymorphs resemble each other so much that a network which has seen one
    overestimates itself on the next.

    Parameters
    ----------
    X : CrystalGraphs, or sequence of n crystals
    fraction : float
        How many of them to hold back, at most; but one formula at least.
    random : RandomState
    otherwise : str, default="add others"
        What to do if it cannot be done, for the message.
    whole : {"formulas", "crystals"}, default="formulas"
        What may not be on both sides. Where atoms are labelled, a few crystals of one
        formula may be all there is.

    Returns
    -------
    kept, held : ndarray of int

    Raises
    ------
    ValueError
        If there are fewer than two of them.
    """
    group = reduced_formulas(X)[0] if whole == "formulas" else np.arange(len(X))
    sizes = np.bincount(group)
    if len(group) == 1:
        raise ValueError(
            f"there is one crystal, and none can be held back; {otherwise}."
        )
    if len(sizes) < 2:
        raise ValueError(
            f"whole formulas are held back, but all {len(group)} crystals share one; "
            f"{otherwise}."
        )
    drawn = draw_groups(sizes, max(fraction * len(group), 1), random)
    is_held = np.isin(group, drawn)
    return np.flatnonzero(~is_held), np.flatnonzero(is_held)


def check_given(X_val: Any, y_val: Any, early_stopping: bool) -> None:
    """Check that what early stopping shall watch is given, and will be watched.

    Raises
    ------
    ValueError
        If only half of it is given, or `early_stopping` is False.
    """
    if X_val is None or y_val is None:
        given, missing = ("y_val", "X_val") if X_val is None else ("X_val", "y_val")
        raise ValueError(f"{given} was given without {missing}; give both or none.")
    if not early_stopping:
        raise ValueError(
            "X_val and y_val are what early stopping watches, but early_stopping=False;"
            " set early_stopping=True, or leave them out."
        )


def split_rows(
    data: Labelled, fraction: float | None, random: np.random.RandomState
) -> tuple[NDArray, NDArray | None]:
    """Crystals to train on, and crystals held back if training may stop early.

    Parameters
    ----------
    data : Labelled
        n crystals. Those that are there to be watched are held back, else whole
        formulas are, or whole crystals where atoms are labelled.
    fraction : float or None
        How many crystals to hold back; None holds back none.
    random : RandomState

    Returns
    -------
    kept : ndarray of int
    held : ndarray of int, or None

    Raises
    ------
    ValueError
        If a target has no label left to train on, or none at all was held back.
    """
    kept, held = np.arange(len(data)), None
    if data.n_watched:
        kept, held = np.split(kept, [len(data) - data.n_watched])
    elif fraction is not None:
        kept, held = hold_back(
            data.graphs,
            fraction,
            random,
            otherwise="set early_stopping=False, add others, or give X_val and y_val",
            whole="formulas" if data.targets.ptr is None else "crystals",
        )
    empty = np.flatnonzero(~data.weights_of(kept).any(axis=0))
    if len(empty) and data.n_watched:
        raise ValueError(
            f"there is nothing to train {data.targets.names[empty[0]]} on: all its "
            "labels have sample_weight 0."
        )
    if len(empty):
        raise ValueError(
            f"nothing is left to train {data.targets.names[empty[0]]} on: all its "
            "labels have sample_weight 0 or were held back; check sample_weight, lower "
            "`validation_fraction`, or set early_stopping=False."
        )
    if held is not None and not data.weights_of(held).any():
        if data.n_watched:
            raise ValueError("y_val, which early stopping watches, has no label.")
        raise ValueError(
            "early_stopping=True held back crystals without any label; raise "
            "`validation_fraction`, or set early_stopping=False."
        )
    return kept, held
