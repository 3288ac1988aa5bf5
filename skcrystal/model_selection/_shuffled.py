"""Test parts of a wanted size that hold whole formulas, or whole sets of elements."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, check_random_state

from ..utils._random import draw_groups
from ..utils._rows import take
from ._folds import GroupedSplitter, check_count, number_groups


class _GroupedShuffleSplit(GroupedSplitter):
    """Random splits of whole groups."""

    def __init__(
        self,
        n_splits: int = 10,
        *,
        test_size: float | int = 0.2,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = check_count(n_splits, "n_splits", 1)
        self.test_size = _check_size(test_size)
        self.random_state = random_state

    def _test_parts(self, X: Any) -> Iterator[NDArray[np.bool_]]:
        names, group = number_groups(X, self._by)
        n = len(group)
        if len(names) < 2:
            raise ValueError(
                f"all {n} crystals in X are of {names[0]}; a split needs two different "
                f"{self._what}: add others."
            )
        most = self.test_size if self.test_size >= 1 else self.test_size * n
        if most >= n:
            raise ValueError(
                f"test_size={self.test_size} leaves none of the {n} crystals in X to "
                "train on; lower it."
            )
        sizes = np.bincount(group)
        random = check_random_state(self.random_state)
        for _ in range(self.n_splits):
            yield np.isin(group, draw_groups(sizes, most, random))


class FormulaShuffleSplit(_GroupedShuffleSplit):
    """Random splits with no reduced formula on both sides.

    Like scikit-learn's `GroupShuffleSplit` on formulas, but `test_size` counts
    crystals, not formulas. Test parts of different splits may overlap.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.
    test_size : float or int, default=0.2
        Share, or number, of crystals to test on. Formulas are drawn at random as long
        as they fit, so that no more are held out, and hardly fewer. (If no formula is
        small enough, the smallest is held out.)
    random_state : int, RandomState or None, default=None
        Seed of the draws. An int gives the same splits in every call, for any
        order of the crystals.

    See Also
    --------
    train_test_split_by_formula : One such split, with the crystals themselves.
    FormulaKFold : Every crystal is tested once.

    Examples
    --------
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> from skcrystal.model_selection import FormulaShuffleSplit
    >>> cv = FormulaShuffleSplit(n_splits=3, test_size=100, random_state=0)
    >>> [len(test) for train, test in cv.split(load_pbe_prototypes().data)]
    [100, 100, 100]
    """

    _by = "formula"
    _what = "reduced formulas"


class ChemicalSystemShuffleSplit(_GroupedShuffleSplit):
    """Random splits with no set of elements on both sides.

    Parameters
    ----------
    n_splits : int, default=10
        Number of splits.
    test_size : float or int, default=0.2
        Share, or number, of crystals to test on. Chemical systems are drawn at random
        as long as they fit, so that no more are held out, and hardly fewer. (If no
        system is small enough, the smallest is held out.)
    random_state : int, RandomState or None, default=None
        Seed of the draws. An int gives the same splits in every call, for any
        order of the crystals.

    See Also
    --------
    FormulaShuffleSplit : Less strict: no reduced formula on both sides.
    ChemicalSystemKFold : Every crystal is tested once.
    """

    _by = "chemical_system"
    _what = "chemical systems"


def train_test_split_by_formula(
    X: Any,
    *arrays: Any,
    test_size: float | int = 0.2,
    random_state: int | np.random.RandomState | None = None,
) -> list[Any]:
    """Split crystals and their labels in two, with no reduced formula on both sides.

    Parameters
    ----------
    X : CrystalGraphs, or sequence of n crystals or PyG Data
    *arrays : sequences of n rows
        Labels and any other data of the crystals: arrays, lists, DataFrames.
    test_size : float or int, default=0.2
        Share, or number, of crystals to test on, at most.
    random_state : int, RandomState or None, default=None
        Seed of the draw.

    Returns
    -------
    list
        ``X_train, X_test, y_train, y_test, ...``, each in the form in which it came.

    Raises
    ------
    ValueError
        If the arrays differ in length, all crystals share one formula, or none would be
        left to train on.

    See Also
    --------
    FormulaShuffleSplit : Several such splits, as row numbers.

    Examples
    --------
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> from skcrystal.model_selection import train_test_split_by_formula
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split_by_formula(
    ...     X, y, test_size=0.1, random_state=0
    ... )
    >>> len(X_train), len(X_test), y_test.shape
    (988, 109, (109, 2))
    """
    check_consistent_length(X, *arrays)
    cv = FormulaShuffleSplit(1, test_size=test_size, random_state=random_state)
    rows = next(cv.split(X))
    return [take(array, part) for array in (X, *arrays) for part in rows]


def _check_size(size: Any) -> float | int:
    number = isinstance(size, Real) and not isinstance(size, bool)
    if not number or not (0 < size < 1 or (size >= 1 and isinstance(size, Integral))):
        raise ValueError(
            "test_size must be a share of the crystals between 0 and 1, or their "
            f"number, 1 or more; it is {size}."
        )
    return size
