"""Labels of classifiers: classes, their numbers, and how much each counts."""

from __future__ import annotations

import warnings
from math import inf
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets


def check_classes(y: Any, n_crystals: int) -> NDArray:
    """Check labels of n crystals, each of which is a class.

    Returns
    -------
    ndarray of shape (n,)
        Text, numbers or booleans, which can be sorted.

    Raises
    ------
    ValueError
        If `y` is missing or of the wrong length or shape, a label is missing, or
        labels are numbers with fractions, or partly text and partly numbers.
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
            f"{_entry(labels, missing[0])}; a classifier needs a class for every "
            "crystal: leave crystals without one out."
        )
    labels = _of_one_kind(labels)
    try:
        check_classification_targets(labels)
    except ValueError as error:
        raise ValueError(
            f"y holds no classes ({error}) A regressor predicts numbers; for classes, "
            "compare them with a threshold first, such as y > 0.025."
        ) from error
    return labels


def number_classes(
    labels: NDArray, known: NDArray | None = None
) -> tuple[NDArray, NDArray[np.int64]]:
    """Number the classes of checked labels (n,).

    Parameters
    ----------
    labels : ndarray of shape (n,)
    known : ndarray of shape (n_classes,), optional
        The classes that a model was fitted on, if it is to be trained on; `labels` may
        then lack some of them.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
        Sorted.
    numbers : ndarray of shape (n,)
        The place of each label among them.

    Raises
    ------
    ValueError
        If there is one class alone, or a label is not among those known.
    """
    if known is None:
        classes, numbers = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise ValueError(
                f"y has one class alone, {classes.tolist()[0]!r}; a classifier needs "
                "crystals of two or more."
            )
        return classes, numbers
    places = {label: k for k, label in enumerate(known.tolist())}
    numbers = np.array([places.get(label, -1) for label in labels.tolist()])
    if (numbers < 0).any():
        raise ValueError(
            f"{_entry(labels, int(np.argmin(numbers)))}, but the model was fitted on "
            f'the classes {listed(known)}; set warm_start="trunk" to give it a new '
            "head for others."
        )
    return known, numbers


def weigh_classes(
    class_weight: Any, classes: NDArray, numbers: NDArray, weights: NDArray
) -> NDArray[np.float64]:
    """Factor of each class by the parameter `class_weight`.

    Parameters
    ----------
    class_weight : {"balanced"}, dict or None
    classes : ndarray of shape (n_classes,)
    numbers : ndarray of shape (n,)
        The class of each crystal.
    weights : ndarray of shape (n,)
        Of crystals. One of weight 2 counts as two, also where classes are balanced.

    Returns
    -------
    ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If a dict names a class that there is not, or has a weight that is not positive.
    """
    factors = np.ones(len(classes))
    if class_weight is None:
        return factors
    if isinstance(class_weight, dict):
        places = {label: k for k, label in enumerate(classes.tolist())}
        for key, weight in class_weight.items():
            if key not in places:
                raise ValueError(
                    f"class_weight names the class {key!r}, but y has only "
                    f"{listed(classes)}."
                )
            if not (isinstance(weight, Real) and 0 < float(weight) < inf):
                raise ValueError(
                    f"class_weight of {key!r} is {weight!r}; it must be a positive "
                    "number. Leave crystals out that shall not count."
                )
            factors[places[key]] = weight
        return factors
    totals = np.bincount(numbers, weights, minlength=len(classes))
    there = totals > 0
    factors[there] = totals.sum() / (there.sum() * totals[there])
    return factors


def name_of(y: Any) -> str:
    """Name of the classified property: a Series' own, or that of a frame's column."""
    if hasattr(y, "columns"):
        return str(y.columns[0])
    name = getattr(y, "name", None)
    return "class" if name is None else str(name)


def listed(classes: NDArray) -> str:
    """Classes for a message."""
    return ", ".join(map(repr, classes.tolist()))


def _column(y: Any) -> NDArray:
    """Labels as they were given, missing ones among them, of shape (n,)."""
    if np.ma.isMaskedArray(y):
        labels = y.data.astype(object)
        labels[np.ma.getmaskarray(y)] = None
    elif hasattr(y, "to_numpy"):
        labels = y.to_numpy()
    elif isinstance(y, np.ndarray):
        labels = y
    else:  # of a list with text numpy would make text of all, of a NaN, too
        labels = np.asarray(y, dtype=object)
    if labels.ndim == 2 and labels.shape[1] == 1:
        warnings.warn(
            f"y is a column of shape {labels.shape}, where a class a crystal, (n,), is "
            "expected; give y.ravel(), or of a DataFrame its column.",
            DataConversionWarning,
            stacklevel=6,  # the caller of `fit`
        )
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(
            f"y has shape {labels.shape}; a class a crystal, (n,), is expected. For "
            "several properties, fit a classifier for each."
        )
    return labels


def _of_one_kind(labels: NDArray) -> NDArray:
    """Give objects the type of numpy that they have in common."""
    if labels.dtype != object:
        return labels
    for kind in (str, (bool, np.bool_), (Real, np.bool_)):
        is_kind = [isinstance(label, kind) for label in labels]
        if all(is_kind):
            return np.array(labels.tolist())
        if any(is_kind) and kind is str:
            others = is_kind.index(False), is_kind.index(True)
            first, second = (_entry(labels, i) for i in sorted(others))
            raise ValueError(
                f"{first}, but {second}: classes cannot be partly text; make all of "
                "them text, or all numbers."
            )
    return labels


def _entry(labels: NDArray, i: int) -> str:
    label = labels[i]
    if isinstance(label, np.generic):
        label = label.item()  # numpy's own would read "np.str_('metal')"
    return f"y[{i}] is {label!r}"
