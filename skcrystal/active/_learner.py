"""modAL's learners, made to work on crystals and on today's scikit-learn.

modAL turns lists of crystals into sites, checks labels with arguments that scikit-learn
no longer has, and reads what a strategy returns differently from release to release.
Just these places are overridden here; everything else is modAL's.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from modAL.models import ActiveLearner as _ModalLearner
from modAL.models import CommitteeRegressor as _ModalCommittee
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from ..estimators._targets import check_targets
from ..utils._warnings import unseen_elements_expected
from ._beliefs import embed
from ._rows import pool_for_modal, stack, take
from ._strategies import max_std


class _QueriesCrystals:
    """What learners and committees share."""

    query_strategy: Callable
    _random: Any = None

    def query(
        self,
        X_pool: Any,
        *query_args: Any,
        return_metrics: bool = False,
        **query_kwargs: Any,
    ) -> tuple:
        """Ask which crystals of a pool to label next.

        Parameters
        ----------
        X_pool : list, object array, Series or CrystalGraphs of P crystals
        *query_args, **query_kwargs
            For the query strategy; first of all ``n_instances``.
        return_metrics : bool, default=False
            Whether to also return the scores of the picked crystals.

        Returns
        -------
        indices : ndarray of shape (n_instances,)
            Their rows in `X_pool`.
        instances
            The crystals themselves, in the form of `X_pool`.
        scores : ndarray of shape (n_instances,), or None
            Only with `return_metrics`; None if the strategy tells none.

        Raises
        ------
        ValueError
            If the strategy returns no rows of the pool.

        Notes
        -----
        What the strategy raises is raised. It may return indices, or indices and
        scores.
        """
        if "random_state" not in query_kwargs and _draws(self.query_strategy):
            query_kwargs["random_state"] = self._random
        with unseen_elements_expected():
            result = self.query_strategy(
                self, pool_for_modal(X_pool), *query_args, **query_kwargs
            )
        scores = None
        if isinstance(result, tuple):
            if len(result) != 2:
                raise ValueError(
                    f"the query strategy returned a tuple of {len(result)}; indices, "
                    "or (indices, scores), are expected."
                )
            result, scores = result
            scores = None if scores is None else np.atleast_1d(scores)
        indices = _check_indices(result, len(X_pool))
        instances = take(X_pool, indices)
        return (indices, instances, scores) if return_metrics else (indices, instances)

    def teach(
        self,
        X: Any,
        y: Any,
        bootstrap: bool = False,
        only_new: bool = False,
        **fit_kwargs: Any,
    ) -> None:
        """Add labelled crystals to what is known, and train again.

        Parameters
        ----------
        X : sequence of k crystals or graphs
        y : array-like of shape (k,) or (k, n_targets)
        bootstrap : bool, default=False
            Whether to draw crystals with replacement.
        only_new : bool, default=False
            Whether to train on these crystals alone.
        **fit_kwargs
            For the estimator's `fit`.

        Notes
        -----
        If they do not fit to what is known, or training fails, they are not added.
        """
        learners = getattr(self, "learner_list", [self])
        known = [(learner.X_training, learner.y_training) for learner in learners]
        try:
            super().teach(X, y, bootstrap, only_new, **fit_kwargs)
        except BaseException:
            for learner, (X_before, y_before) in zip(learners, known, strict=True):
                learner.X_training, learner.y_training = X_before, y_before
            raise

    def transform_without_estimating(self, X: Any) -> NDArray[np.float32]:
        """Features of crystals, for strategies that measure distances between them.

        Parameters
        ----------
        X : sequence of m crystals or graphs

        Returns
        -------
        ndarray of shape (m, D)
        """
        return embed(self, X)


class ActiveLearner(_QueriesCrystals, _ModalLearner):
    """A model, what it was taught, and a strategy that says what to ask next.

    modAL's learner [1]_ for crystals: lists, object arrays and Series of structures
    and `CrystalGraphs` work everywhere, labels may have several targets and NaN. Given
    ready graphs, it never builds one.

    Parameters
    ----------
    estimator : estimator
        A regressor or a pipeline that ends in one; trained in place.
    query_strategy : callable, default=max_std
        ``strategy(learner, X_pool, n_instances=1, ...)``, from `skcrystal.active`,
        from modAL, or your own.
    X_training : sequence of n crystals or graphs, optional
        What is known at the start; the estimator is fitted on it at once.
    y_training : array-like of shape (n,) or (n, n_targets), optional
        Labels; NaN where one was not measured.
    bootstrap_init : bool, default=False
        Whether the first fit sees crystals drawn with replacement.
    on_transformed : bool, default=False
        For modAL's strategies that measure distances: take them between embeddings.
    random_state : int, RandomState or None, default=None
        Decides what bootstrapping draws, and is handed to strategies that draw.
    **fit_kwargs
        For the estimator's `fit`.

    Attributes
    ----------
    X_training, y_training
        All that it was taught.

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
            _check_labels(X_training, y_training)
        super().__init__(
            estimator,
            query_strategy,
            X_training,
            y_training,
            bootstrap_init,
            on_transformed,
            **fit_kwargs,
        )

    def fit(
        self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any
    ) -> ActiveLearner:
        """Fit the estimator on new data, and forget what was known.

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
        _check_labels(X, y)
        self._fit(X, y, bootstrap, fit_kwargs)
        self.X_training, self.y_training = X, y
        return self

    def _add_training_data(self, X: Any, y: Any) -> None:
        _check_labels(X, y)
        if self.X_training is None:
            self.X_training, self.y_training = X, y
            return
        # Both are stacked before either is set: what does not fit changes nothing.
        stacked = stack([self.X_training, X], "X"), stack([self.y_training, y], "y")
        self.X_training, self.y_training = stacked

    def _fit_to_known(self, bootstrap: bool = False, **fit_kwargs: Any):
        return self._fit(self.X_training, self.y_training, bootstrap, fit_kwargs)

    def _fit_on_new(self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any):
        return self._fit(X, y, bootstrap, fit_kwargs)

    def _fit(self, X: Any, y: Any, bootstrap: bool, fit_kwargs: dict) -> ActiveLearner:
        if bootstrap:
            rows = self._random.randint(len(X), size=len(X))
            X, y = take(X, rows), take(y, rows)
        self.estimator.fit(X, y, **fit_kwargs)
        return self


class CommitteeRegressor(_QueriesCrystals, _ModalCommittee):
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
        """Predict the mean over members, and with `return_std` their spread."""
        votes = self.vote(X, **predict_kwargs)
        mean = votes.mean(axis=1)
        return (mean, votes.std(axis=1, ddof=1)) if return_std else mean

    def vote(self, X: Any, **predict_kwargs: Any) -> NDArray[np.float64]:
        """Predictions of each member, of shape (m, n_members) or (m, n_members, T)."""
        votes = [learner.predict(X, **predict_kwargs) for learner in self.learner_list]
        return np.stack(votes, axis=1)


def _draws(strategy: Callable) -> bool:
    """Whether a strategy wants a `random_state`, and has none of its own."""
    try:
        parameter = inspect.signature(strategy).parameters.get("random_state")
    except (TypeError, ValueError):  # built in C
        return False
    # functools.partial leaves what it sets as a default
    return parameter is not None and (
        parameter.default is None or parameter.default is parameter.empty
    )


def _check_labels(X: Any, y: Any) -> None:
    if y is None:
        raise ValueError("y is None, but crystals are taught with labels.")
    check_targets(y, len(X), allow_empty=True)


def _check_indices(result: Any, n_pool: int) -> NDArray[np.int64]:
    indices = np.atleast_1d(np.asarray(result))
    whole = indices.ndim == 1 and np.issubdtype(indices.dtype, np.integer)
    if not whole or (len(indices) and not -n_pool <= indices.min() <= indices.max()):
        raise ValueError(
            f"the query strategy returned {result!r}; rows of the pool are expected."
        )
    if len(indices) and indices.max() >= n_pool:
        raise ValueError(
            f"the query strategy returned row {indices.max()} of a pool of {n_pool}."
        )
    indices = indices.astype(np.int64) % n_pool
    if len(np.unique(indices)) < len(indices):
        raise ValueError(
            f"the query strategy returned {indices}, which holds a crystal twice."
        )
    return indices
