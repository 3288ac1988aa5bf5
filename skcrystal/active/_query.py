"""Queries and training shared by learners and committees."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..utils._rows import pool_for_modal, take
from ..utils._warnings import unseen_elements_expected
from .strategies._surrogate import embed


class QueriesCrystals:
    """Queries and training shared by learners and committees."""

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
        *query_args
            For the query strategy; first of all ``n_instances``.
        return_metrics : bool, default=False
            Whether to also return the scores of the picked crystals.
        **query_kwargs
            For the query strategy.

        Returns
        -------
        indices : ndarray of shape (n_instances,)
            Their rows in `X_pool`.
        instances
            The crystals themselves, in the form of `X_pool`.
        scores : ndarray of shape (n_instances,), or None
            Only with `return_metrics`; None if the strategy returns none.

        Raises
        ------
        ValueError
            If the strategy returns no rows of the pool.

        Notes
        -----
        Errors of the strategy are raised. It may return indices, or indices and
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
        """Add labelled crystals to the training set, and train again.

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
        If they do not fit the training set, or training fails, they are not added.
        """
        learners = getattr(self, "learner_list", [self])
        known = [(learner.X_training, learner.y_training) for learner in learners]
        try:
            # That of modAL's class which this is mixed into
            super().teach(X, y, bootstrap, only_new, **fit_kwargs)  # type: ignore[misc]
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


def _draws(strategy: Callable) -> bool:
    """Whether a strategy wants a `random_state`, and has none of its own."""
    try:
        parameter = inspect.signature(strategy).parameters.get("random_state")
    except (TypeError, ValueError):  # built in C
        return False
    # functools.partial shows the arguments it sets as defaults
    return parameter is not None and (
        parameter.default is None or parameter.default is parameter.empty
    )


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
