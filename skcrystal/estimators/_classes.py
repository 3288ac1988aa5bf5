"""Labels of classifiers: classes, and their numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils.multiclass import check_classification_targets


def read_classes(y: Any, n_crystals: int) -> tuple[NDArray, NDArray[np.int64], str]:
    """Check labels of n crystals and number their classes.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted.
    numbers : ndarray of shape (n,)
        The place of each label among them.
    name : str
        Of the target: a Series' own, or that of a frame's column.

    Raises
    ------
    ValueError
        If `y` is missing or of the wrong length or shape, a label is missing, there
        is one class alone, or labels are numbers with fractions.
    """
    if y is None:
        raise ValueError("y is None, but a classifier needs labels to fit.")
    labels = _column(y)
    if len(labels) != n_crystals:
        raise ValueError(
            f"X holds {n_crystals} crystals, but y has {len(labels)} labels; each "
            "crystal needs one."
        )
    missing = np.flatnonzero(pd.isna(labels))
    if len(missing):
        raise ValueError(
            f"y[{missing[0]}] is {labels[missing[0]]!r}; a classifier needs a class "
            "for every crystal: leave crystals without one out."
        )
    try:
        check_classification_targets(labels)
    except ValueError as error:
        raise ValueError(
            f"y holds no classes ({error}) A regressor predicts numbers; for classes, "
            "compare them with a threshold first, such as y > 0.025."
        ) from error
    try:
        classes, numbers = np.unique(labels, return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"y mixes labels that cannot be sorted ({error}); make all of them text, "
            "or all numbers."
        ) from error
    if len(classes) < 2:
        raise ValueError(
            f"y has one class alone, {classes.tolist()[0]!r}; a classifier needs two."
        )
    if hasattr(y, "columns"):
        name = str(y.columns[0])
    else:
        name = str(getattr(y, "name", None) or "class")
    return classes, numbers, name


def class_numbers(y: Any, classes: NDArray) -> NDArray[np.int64]:
    """Place of each label among classes that a model was fitted on.

    Raises
    ------
    ValueError
        If one is not among them.
    """
    labels = _column(y)
    unknown = np.flatnonzero(~np.isin(labels, classes))
    if len(unknown):
        raise ValueError(
            f"y[{unknown[0]}] is {labels[unknown[0]]!r}, but the model was fitted on "
            f"the classes {', '.join(map(repr, classes.tolist()))}; set "
            'warm_start="trunk" to give it a new head for others.'
        )
    return np.searchsorted(classes, labels)


def _column(y: Any) -> NDArray:
    labels = y.to_numpy() if hasattr(y, "to_numpy") else np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(
            f"y has shape {labels.shape}; a class a crystal, (n,), is expected."
        )
    if labels.dtype == object and len(labels) and not pd.isna(labels).any():
        # Strings of pandas and others: as numpy knows them, so that all can be sorted.
        kinds = {type(label) for label in labels}
        if kinds <= {str, np.str_}:
            labels = labels.astype(np.str_)
    return labels
