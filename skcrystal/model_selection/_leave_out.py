"""Splits that ask for more than interpolation: elements and clusters left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pymatgen.core import Element
from sklearn.cluster import KMeans

from ..graphs._compositions import element_counts
from ._features import composition_features
from ._folds import CrystalSplitter, check_count, number_groups


class LeaveOneElementOut(CrystalSplitter):
    """Test on all crystals with an element, train on all without it.

    It measures predictions for chemistry unseen in training, element by element.

    Test parts overlap: NaCl is tested with sodium and with chlorine. `cross_val_score`,
    `cross_validate` and searches take that; `cross_val_predict` does not, as it has one
    place for the prediction of a crystal, and raises.

    Parameters
    ----------
    elements : sequence of str or None, default=None
        Symbols of the elements to leave out, one after the other. None takes all that
        are in `X`, by atomic number, but those in all of its crystals.
    min_test : int, default=1
        Elements in fewer crystals than this are passed over.

    See Also
    --------
    ChemicalSystemKFold : Less strict: no set of elements on both sides.
    LeaveOneClusterOut : Whole regions of chemistry, without overlap.

    Notes
    -----
    Models warn where they predict for elements that they have not met, which they do
    here in every split.

    Examples
    --------
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> from skcrystal.model_selection import LeaveOneElementOut
    >>> X = load_pbe_prototypes().data
    >>> cv = LeaveOneElementOut(min_test=97)
    >>> sizes = [len(test) for train, test in cv.split(X)]
    >>> dict(zip(cv.left_out(X), sizes, strict=True))
    {'F': 97, 'S': 97, 'Cl': 99, 'Br': 109}
    """

    def __init__(
        self, *, elements: Sequence[str] | None = None, min_test: int = 1
    ) -> None:
        if isinstance(elements, str):
            raise ValueError(
                f'elements is the text "{elements}"; give a list of symbols.'
            )
        for symbol in [] if elements is None else elements:
            if not Element.is_valid_symbol(symbol):
                raise ValueError(
                    f"elements holds {symbol!r}, which is not the symbol of an element."
                )
        self.elements = elements
        self.min_test = check_count(min_test, "min_test", 1)

    def left_out(self, X: Any) -> list[str]:
        """Symbol of the element that each split leaves out, in the order of splits.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of n crystals or PyG Data

        Returns
        -------
        list of str
        """
        return [Element.from_Z(z).symbol for z in self._numbers(_has_element(X))]

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of elements left out.

        Parameters
        ----------
        X : CrystalGraphs, or sequence of n crystals or PyG Data
        y, groups : ignored

        Returns
        -------
        int
        """
        if X is None:
            raise ValueError("X is None, but the number of splits depends on it.")
        return len(self._numbers(_has_element(X)))

    def _test_parts(self, X: Any) -> Iterator[NDArray[np.bool_]]:
        has = _has_element(X)
        for z in self._numbers(has):
            yield has[:, z]

    def _numbers(self, has: NDArray[np.bool_]) -> list[int]:
        """Atomic numbers of the elements to leave out."""
        n, n_with = len(has), has.sum(axis=0)
        everywhere = n_with == n
        if self.elements is None:
            wanted = np.flatnonzero(n_with).tolist()
        else:
            wanted = [Element(symbol).Z for symbol in self.elements]
            for z in wanted:
                if not 0 < n_with[z] < n:
                    held = "all" if everywhere[z] else "none"
                    raise ValueError(
                        f"elements holds {Element.from_Z(z).symbol}, which {held} of "
                        f"the {n} crystals in X have; leave it out of `elements`."
                    )
        left = [z for z in wanted if n_with[z] >= self.min_test and not everywhere[z]]
        if not left:
            raise ValueError(
                f"no element is in min_test={self.min_test} or more, but not all, of "
                f"the {n} crystals in X; the most frequent is in {n_with.max()}. Lower "
                "min_test."
            )
        return left


class LeaveOneClusterOut(CrystalSplitter):
    """Test on a cluster of similar crystals, train on all others.

    Clusters are found by k-means on features of the crystals, which are first averaged
    over each reduced formula: polymorphs are never on both sides. Every crystal is
    tested once. Clusters differ in size, as chemistry has it; a mean over splits weighs
    a crystal of a small one more.

    Parameters
    ----------
    n_clusters : int, default=5
        Number of clusters, and of splits.
    features : callable or None, default=None
        Called with `X`, it returns an array of shape (n, d) in which near rows are
        similar crystals. The ``embed`` of a fitted model will do, which however has
        seen labels. None takes mean and spread, over the atoms of a crystal, of
        electronegativity, Mendeleev number, radius, mass, group and period.
    random_state : int, RandomState or None, default=None
        Seed of k-means. An int gives the same clusters in every call.

    See Also
    --------
    LeaveOneElementOut : One element after the other.

    References
    ----------
    .. [1] B. Meredig et al., Mol. Syst. Des. Eng. 3, 819 (2018).

    Examples
    --------
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> from skcrystal.model_selection import LeaveOneClusterOut
    >>> cv = LeaveOneClusterOut(n_clusters=3, random_state=0)
    >>> sum(len(test) for train, test in cv.split(load_pbe_prototypes().data))
    1097
    """

    def __init__(
        self,
        *,
        n_clusters: int = 5,
        features: Callable[[Any], ArrayLike] | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        if features is not None and not callable(features):
            raise ValueError(
                f"features is a {type(features).__name__}; give a function of X, which "
                "then fits any part of the crystals that is split."
            )
        self.n_clusters = check_count(n_clusters, "n_clusters", 2)
        self.features = features
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Number of clusters.

        Parameters
        ----------
        X, y, groups : ignored
            The number depends on parameters alone.

        Returns
        -------
        int
        """
        return self.n_clusters

    def _test_parts(self, X: Any) -> Iterator[NDArray[np.bool_]]:
        _, group = number_groups(X, "formula")
        sizes = np.bincount(group)
        values = self._values(X, len(group))
        means = np.zeros((len(sizes), values.shape[1]))
        np.add.at(means, group, values)
        means /= sizes[:, None]
        n_different = len(np.unique(means, axis=0))
        if n_different < self.n_clusters:
            raise ValueError(
                f"n_clusters={self.n_clusters}, but features gave the {len(group)} "
                f"crystals in X {n_different} different rows; lower n_clusters."
            )
        clusters = KMeans(
            self.n_clusters, n_init=10, random_state=self.random_state
        ).fit_predict(means, sample_weight=sizes)
        for k in range(self.n_clusters):
            yield (clusters == k)[group]

    def _values(self, X: Any, n: int) -> NDArray[np.float64]:
        make = composition_features if self.features is None else self.features
        values = np.asarray(make(X), dtype=np.float64)
        if values.ndim != 2 or len(values) != n or not np.isfinite(values).all():
            raise ValueError(
                f"features gave shape {values.shape} for {n} crystals; a finite array "
                f"of shape ({n}, d) is needed."
            )
        return values


def _has_element(X: Any) -> NDArray[np.bool_]:
    """Whether each crystal holds each element, (n, 119)."""
    return element_counts(X).toarray() > 0
