"""The networks whose mean a model predicts."""

from __future__ import annotations

from typing import Any

from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..estimators import EnsembleRegressor
from ..estimators._base import GNNEstimator
from ..graphs import CrystalGraphTransformer


def networks_of(model: Any) -> list[GNNEstimator]:
    """Find the networks in a fitted model, one or all members of an ensemble.

    Parameters
    ----------
    model : estimator
        A network, or a pipeline, ensemble, calibrated or augmented model or search
        about one.

    Returns
    -------
    list of GNNEstimator
        The model predicts the mean of what they predict.

    Raises
    ------
    NotFittedError
        If the model was not fitted.
    TypeError
        If it is something else, or makes something else of its networks.
    """
    if isinstance(model, GNNEstimator):
        check_is_fitted(model, "net_")
        return [model]
    if isinstance(model, FrozenEstimator):
        return networks_of(model.estimator)
    if isinstance(model, Pipeline):
        return networks_of(_last_step(model))
    # Of other models with members, predictions need not be the mean.
    if isinstance(model, EnsembleRegressor):
        check_is_fitted(model, "estimators_")
        return [one for member in model.estimators_ for one in networks_of(member)]
    for name in ("estimator_", "best_estimator_"):
        if hasattr(model, name):
            return networks_of(getattr(model, name))
    if isinstance(model, BaseEstimator):
        check_is_fitted(model)
    raise TypeError(
        f"model is a {type(model).__name__}, of which it is not known how its "
        "predictions come from a graph network; pass the network itself, or a pipeline "
        "or EnsembleRegressor of networks."
    )


def _last_step(pipeline: Pipeline) -> Any:
    for name, step in pipeline.steps[:-1]:
        if isinstance(step, FrozenEstimator):
            step = step.estimator
        if step not in (None, "passthrough") and not isinstance(
            step, CrystalGraphTransformer
        ):
            raise TypeError(
                f"model has the step {name!r}, a {type(step).__name__}, before its "
                "network, which may change crystals; explain pipeline[-1] on what the "
                "steps before make of the structure."
            )
    return pipeline.steps[-1][1]
