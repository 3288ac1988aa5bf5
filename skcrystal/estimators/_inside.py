"""The graph network inside whatever is wrapped around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline


def innermost(model: Any, choose: Callable[[Sequence], Any]) -> Any:
    """Descend into pipelines, ensembles, searches and other wrappers that are fitted.

    Parameters
    ----------
    model : estimator
    choose : callable
        Takes one of the members of an ensemble.

    Returns
    -------
    estimator
        The first that is a network's or has nothing fitted inside.
    """
    while "net_" not in vars(model):  # a frozen model would show its own as well
        if isinstance(model, FrozenEstimator):
            model = model.estimator
        elif isinstance(model, Pipeline):
            model = model.steps[-1][1]
        elif hasattr(model, "estimators_"):
            model = choose(model.estimators_)
        elif hasattr(model, "estimator_"):
            model = model.estimator_
        elif hasattr(model, "best_estimator_"):
            model = model.best_estimator_
        else:
            break
    return model
