"""Folds that keep crystals of one formula, or of the same elements, together."""

from __future__ import annotations

import heapq
import warnings
from abc import abstractmethod
from collections.abc import Iterator
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from ._chemical_groups import chemical_groups


class CrystalSplitter(BaseCrossValidator):
    """A splitter that looks at the crystals: a subclass yields the test parts."""

    @abstractmethod
    def _test_parts(self, X: Any) -> Iterator[NDArray[np.bool_]]:
        """Yield for each split a mask of shape (n,) that is True on test crystals."""

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Yield row numbers of training and test crystals.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of n crystals or PyG Data
        y : ignored
        groups : ignored
            With a warning: groups are read from the crystals.

        Yields
        ------
        train, test : ndarray of int64
            Ascending.

        Raises
        ------
        TypeError
            If an entry of `X` is neither crystal nor graph.
        ValueError
            If a crystal is disordered or broken, or there are too few groups.
        """
        if groups is not None:
            warnings.warn(
                f"groups is ignored by {type(self).__name__}, which reads them from "
                "the crystals; take scikit-learn's GroupKFold for groups of your own.",
                UserWarning,
                stacklevel=2,
            )
        for is_test in self._test_parts(X):
            yield np.flatnonzero(~is_test), np.flatnonzero(is_test)


class GroupedSplitter(CrystalSplitter):
    """A number of splits of whole groups; a subclass defines the groups."""

    _by: ClassVar[str]
    _what: ClassVar[str]
    n_splits: int

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of splits.

        Parameters
        ----------
        X, y, groups : ignored
            The number depends on parameters alone.

        Returns
        -------
        int
        """
        return self.n_splits


class _GroupedKFold(GroupedSplitter):
    """Folds of whole groups."""

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = check_count(n_splits, "n_splits", 2)
        if random_state is not None and not shuffle:
            raise ValueError(
                f"random_state={random_state} has no effect without shuffling; set "
                "shuffle=True, or leave it out."
            )
        self.shuffle = shuffle
        self.random_state = random_state

    def _test_parts(self, X: Any) -> Iterator[NDArray[np.bool_]]:
        names, group = number_groups(X, self._by)
        if len(names) < self.n_splits:
            raise ValueError(
                f"n_splits={self.n_splits}, but the {len(group)} crystals in X have "
                f"{len(names)} different {self._what}; lower n_splits, or add others."
            )
        order = np.arange(len(names))
        if self.shuffle:
            order = check_random_state(self.random_state).permutation(order)
        fold = _deal(np.bincount(group), order, self.n_splits)[group]
        for k in range(self.n_splits):
            yield fold == k


class FormulaKFold(_GroupedKFold):
    """Cross-validation with no reduced formula on both sides of a split.

    Polymorphs, supercells and near-duplicates of one compound resemble each other so
    much that a random fold which separates them measures how well a model remembers,
    not how well it predicts compounds that were never computed.

    Every crystal is tested once. Folds hold about equally many crystals: formulas are
    dealt, the one with most crystals first, to the fold with fewest. Who shares a fold
    depends on the crystals, not on their order in `X`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether formulas with equally many crystals are dealt in random order, in place
        of alphabetical.
    random_state : int, RandomState or None, default=None
        Seed of the shuffling. An int gives the same folds in every call.

    See Also
    --------
    ChemicalSystemKFold : Stricter: no set of elements on both sides.
    FormulaShuffleSplit : Test parts of a wanted size, drawn anew each time.
    chemical_groups : The formulas, for scikit-learn's own splitters.

    Examples
    --------
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> from skcrystal.model_selection import FormulaKFold
    >>> crystals = load_pbe_prototypes()
    >>> splits = list(FormulaKFold(n_splits=4).split(crystals.data))
    >>> [len(test) for train, test in splits]
    [275, 274, 274, 274]
    >>> train, test = splits[0]
    >>> set(crystals.groups[train]) & set(crystals.groups[test])
    set()
    """

    _by = "formula"
    _what = "reduced formulas"


class ChemicalSystemKFold(_GroupedKFold):
    """Cross-validation with no set of elements on both sides of a split.

    A model tested on TiO2 has then met neither TiO2 nor Ti2O3, though perhaps other
    oxides and other compounds of titanium.

    Every crystal is tested once. Folds hold about equally many crystals: chemical
    systems are dealt, the one with most crystals first, to the fold with fewest. Who
    shares a fold depends on the crystals, not on their order in `X`.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=False
        Whether systems with equally many crystals are dealt in random order, in place
        of alphabetical.
    random_state : int, RandomState or None, default=None
        Seed of the shuffling. An int gives the same folds in every call.

    See Also
    --------
    FormulaKFold : Less strict: no reduced formula on both sides.
    LeaveOneElementOut : Stricter: an element is on one side alone.
    """

    _by = "chemical_system"
    _what = "chemical systems"


def check_count(value: Any, name: str, least: int) -> int:
    """Check a number of things where it is given, as scikit-learn's splitters do.

    Raises
    ------
    ValueError
        If it is not an int, or less than `least`.
    """
    if not isinstance(value, Integral) or value < least:
        raise ValueError(f"{name} must be an int of {least} or more; it is {value}.")
    return int(value)


def number_groups(X: Any, by: str) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Names of groups (g,), sorted, and the number of each crystal's (n,)."""
    return np.unique(chemical_groups(X, by=by), return_inverse=True)


def _deal(
    sizes: NDArray[np.int64], order: NDArray[np.int64], n_folds: int
) -> NDArray[np.int64]:
    """Deal groups to folds, the largest first, each to the fold with fewest crystals.

    Parameters
    ----------
    sizes : ndarray of shape (g,)
        Crystals of each group.
    order : ndarray of shape (g,)
        Groups of equal size go in this order.
    n_folds : int

    Returns
    -------
    ndarray of shape (g,)
        Number of the fold.
    """
    fold = np.empty(len(sizes), dtype=np.int64)
    load = [(0, k) for k in range(n_folds)]  # a heap
    for g in order[np.argsort(-sizes[order], kind="stable")]:
        n, k = load[0]
        fold[g] = k
        heapq.heapreplace(load, (n + int(sizes[g]), k))
    return fold
