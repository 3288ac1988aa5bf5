"""The validation set: given by users, or split from the training set."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...graphs._compositions import reduced_formulas
from ...utils._random import draw_groups
from ..targets._training_set import TrainingSet


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
        Advice for the error message.
    whole : {"formulas", "crystals"}, default="formulas"
        Unit that may not be on both sides. Where atoms are labelled, a few crystals of
        one formula may be all there is.

    Returns
    -------
    train, held : ndarray of int

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
    """Check that a validation set is given as a whole, and will be used.

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
            "X_val and y_val are a validation set for early stopping, but "
            "early_stopping=False; set early_stopping=True, or leave them out."
        )


def split_validation(
    data: TrainingSet, fraction: float | None, random: np.random.RandomState
) -> tuple[TrainingSet, TrainingSet | None]:
    """Split crystals into those to train on, and a validation set if there is one.

    Parameters
    ----------
    data : TrainingSet
        n crystals. If some are a validation set already, these are split off, else
        whole formulas, or whole crystals where atoms are labelled.
    fraction : float or None
        Share of the crystals that the validation set takes; None for no such set.
    random : RandomState

    Returns
    -------
    train : TrainingSet
    valid : TrainingSet or None

    Raises
    ------
    ValueError
        If a target has no label left to train on, or the validation set none at all.
    """
    names, given = data.targets.names, bool(data.n_validation)
    train, valid = data, None
    if given:
        n = len(data.crystals)
        rows = np.arange(n - data.n_validation), np.arange(n - data.n_validation, n)
    elif fraction is not None:
        rows = hold_back(
            data.graphs,
            fraction,
            random,
            otherwise="set early_stopping=False, add others, or give X_val and y_val",
            whole="formulas" if data.targets.ptr is None else "crystals",
        )
    if given or fraction is not None:
        train, valid = map(data.select, rows)
    empty = np.flatnonzero(~train.weights.any(axis=0))
    if len(empty) and given:
        raise ValueError(
            f"no labels to train {names[empty[0]]} on: all its labels have "
            "sample_weight 0."
        )
    if len(empty):
        raise ValueError(
            f"no labels are left to train {names[empty[0]]} on: all its labels have "
            "sample_weight 0 or are in the validation set; check sample_weight, lower "
            "`validation_fraction`, or set early_stopping=False."
        )
    if valid is not None and not valid.weights.any():
        if given:
            raise ValueError(
                "y_val has no label at all; give some, or leave out X_val and y_val."
            )
        raise ValueError(
            "early_stopping=True took a validation set without any label; raise "
            "`validation_fraction`, or set early_stopping=False."
        )
    return train, valid
