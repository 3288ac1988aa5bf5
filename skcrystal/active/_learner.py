"""modAL's learners, made to work on crystals and on today's scikit-learn.

modAL turns lists of crystals into sites, checks labels with arguments that scikit-learn
no longer has, and reads the result of a strategy differently from release to release.
Just these places are overridden here; everything else is modAL's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from modAL.models import (
    ActiveLearner as _ModalLearner,
    CommitteeRegressor as _ModalCommittee,
)
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, is_classifier
from sklearn.utils import check_random_state

from ..estimators._pipelines import refuse_sites
from ..estimators.targets._class_labels import check_classes
from ..estimators.targets._targets import check_targets
from ..utils._rows import stack, take
from ._query import QueriesCrystals
from .strategies._exploration import max_std


class ActiveLearner(QueriesCrystals, _ModalLearner):
    """A model, its training set, and a strategy that chooses the next crystals.

    modAL's learner [1]_ for crystals: lists, object arrays and Series of structures
    and `CrystalGraphs` work everywhere, labels may have several targets and NaN. Given
    ready graphs, it never builds one.

    Parameters
    ----------
    estimator : estimator
        A regressor or classifier, or a pipeline that ends in one; trained in place.
    query_strategy : callable, default=max_std
        ``strategy(learner, X_pool, n_instances=1, ...)``, from `skcrystal.active`,
        from modAL, or your own. For a classifier, one that uses probabilities,
        such as ``modAL.uncertainty.uncertainty_sampling``, or for none.
    X_training : sequence of n crystals or graphs, optional
        Labelled crystals at the start; the estimator is fitted on it at once.
    y_training : array-like of shape (n,) or (n, n_targets), optional
        Labels; NaN where one was not measured. For a classifier, (n,): a class each.
    bootstrap_init : bool, default=False
        Whether the first fit sees crystals drawn with replacement.
    on_transformed : bool, default=False
        For modAL's strategies that measure distances: take them between embeddings.
    random_state : int, RandomState or None, default=None
        Of bootstrapping, and is handed to strategies that draw.
    **fit_kwargs
        For the estimator's `fit`.

    Attributes
    ----------
    X_training, y_training
        The training set.

    References
    ----------
    .. [1] T. Danka, P. Horvath, "modAL: A modular active learning framework for
       Python", arXiv:1805.00979.

    Examples
    --------
    >>> from skcrystal import ActiveLearner, CGCNNRegressor, CrystalGraphTransformer
    >>> from skcrystal.active import max_std
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> graphs = CrystalGraphTransformer().transform(X[:200])
    >>> learner = ActiveLearner(
    ...     estimator=CGCNNRegressor(dropout=0.1, max_epochs=2, random_state=0),
    ...     query_strategy=max_std,
    ...     X_training=graphs[:50],
    ...     y_training=y[:50],
    ... )
    >>> rows, crystals = learner.query(graphs[50:], n_instances=10)
    >>> learner.teach(crystals, y[50:200][rows])
    >>> len(learner.X_training)
    60
    """

    def __init__(
        self,
        estimator: BaseEstimator,
        query_strategy: Callable = max_std,
        X_training: Any = None,
        y_training: Any = None,
        bootstrap_init: bool = False,
        on_transformed: bool = False,
        random_state: Any = None,
        **fit_kwargs: Any,
    ) -> None:
        self.bootstrap_init = bootstrap_init
        self.random_state = random_state
        self._random = check_random_state(random_state)
        if X_training is not None:
            _check_labels(estimator, X_training, y_training)
        super().__init__(
            estimator,
            query_strategy,
            X_training,
            y_training,
            bootstrap_init,
            on_transformed,
            **fit_kwargs,
        )

    def fit(self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any) -> Self:
        """Fit the estimator on new data alone, without the training set so far.

        Parameters
        ----------
        X : sequence of n crystals or graphs
        y : array-like of shape (n,) or (n, n_targets)
        bootstrap : bool, default=False
            Whether to draw crystals with replacement.
        **fit_kwargs
            For the estimator's `fit`.

        Returns
        -------
        self : ActiveLearner
        """
        _check_labels(self.estimator, X, y)
        self._fit(X, y, bootstrap, fit_kwargs)
        self.X_training, self.y_training = X, y
        return self

    def _add_training_data(self, X: Any, y: Any) -> None:
        _check_labels(self.estimator, X, y)
        if self.X_training is None:
            self.X_training, self.y_training = X, y
            return
        # Both are stacked before either is set, so that an error changes neither.
        stacked = stack([self.X_training, X], "X"), stack([self.y_training, y], "y")
        self.X_training, self.y_training = stacked

    def _fit_to_known(self, bootstrap: bool = False, **fit_kwargs: Any) -> Self:
        return self._fit(self.X_training, self.y_training, bootstrap, fit_kwargs)

    def _fit_on_new(
        self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any
    ) -> Self:
        return self._fit(X, y, bootstrap, fit_kwargs)

    def _fit(self, X: Any, y: Any, bootstrap: bool, fit_kwargs: dict) -> Self:
        if bootstrap:
            rows = self._random.randint(len(X), size=len(X))
            X, y = take(X, rows), take(y, rows)
        self.estimator.fit(X, y, **fit_kwargs)
        return self


class CommitteeRegressor(QueriesCrystals, _ModalCommittee):
    """modAL's committee of learners, with pools and labels of every kind.

    Its standard deviation is the spread of its members. An `EnsembleRegressor` in one
    `ActiveLearner` is the same for members of one kind, and trains them in parallel; a
    committee may mix architectures, graphs and training sets.

    Parameters
    ----------
    learner_list : list of ActiveLearner
    query_strategy : callable, default=max_std
    on_transformed : bool, default=False
        As in `ActiveLearner`.
    random_state : int, RandomState or None, default=None
        Handed to strategies that draw.

    Examples
    --------
    >>> from skcrystal import ActiveLearner, CGCNNRegressor, GCNRegressor
    >>> from skcrystal.active import CommitteeRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> committee = CommitteeRegressor(
    ...     [
    ...         ActiveLearner(model, X_training=X[:40], y_training=y[:40])
    ...         for model in (CGCNNRegressor(max_epochs=2), GCNRegressor(max_epochs=2))
    ...     ]
    ... )
    >>> rows, crystals = committee.query(X[40:80], n_instances=3)
    >>> len(crystals)
    3
    """

    def __init__(
        self,
        learner_list: list[ActiveLearner],
        query_strategy: Callable = max_std,
        on_transformed: bool = False,
        random_state: Any = None,
    ) -> None:
        self.random_state = random_state
        self._random = check_random_state(random_state)
        super().__init__(learner_list, query_strategy, on_transformed)

    def predict(self, X: Any, return_std: bool = False, **predict_kwargs: Any) -> Any:
        """Predict the mean over members.

        Parameters
        ----------
        X : sequence of m crystals
            As the members take them.
        return_std : bool, default=False
            Whether to return the members' spread too.
        **predict_kwargs
            For ``predict`` of each member.

        Returns
        -------
        mean : ndarray of shape (m,) or (m, T)
            In the units of the labels.
        std : ndarray, shaped as `mean`
            Only if `return_std`: standard deviation over members.
        """
        votes = self.vote(X, **predict_kwargs)
        mean = votes.mean(axis=1)
        return (mean, votes.std(axis=1, ddof=1)) if return_std else mean

    def vote(self, X: Any, **predict_kwargs: Any) -> NDArray[np.float64]:
        """Predictions of each member.

        Parameters
        ----------
        X : sequence of m crystals
            As the members take them.
        **predict_kwargs
            For ``predict`` of each member.

        Returns
        -------
        ndarray of shape (m, n_members) or (m, n_members, T)
            In the units of the labels.
        """
        votes = [learner.predict(X, **predict_kwargs) for learner in self.learner_list]
        return np.stack(votes, axis=1)


def _check_labels(estimator: BaseEstimator, X: Any, y: Any) -> None:
    if y is None:
        raise ValueError("y is None, but crystals need labels.")
    if is_classifier(estimator):
        check_classes(y, len(X))
    else:
        refuse_sites(estimator, "active learning")
        check_targets(y, len(X), allow_empty=True)
