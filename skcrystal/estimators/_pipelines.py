"""Models taken apart: preprocessing steps, wrappers, and the networks inside them.

Wrappers describe themselves by class attributes: ``_passes_graphs_on`` where they hand
their input to `estimator` as it is, ``_averages_members`` where they predict the mean
of `estimators_`, ``_calibrates`` where they scale standard deviations.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from ..graphs import CrystalGraphs, CrystalGraphTransformer
from ..graphs._compositions import holds_data
from ._graph_inputs import as_graphs
from ._parameters import SharedParameters
from .targets._site_targets import check_site_targets
from .targets._targets import Targets, check_targets

# Models inside models


def is_graph_network(estimator: Any) -> bool:
    """Whether an estimator is a graph network itself, not a wrapper of one."""
    return isinstance(estimator, SharedParameters)


def fitted_models(model: Any) -> list[Any]:
    """Return the fitted models that the predictions of a model come from.

    Parameters
    ----------
    model : estimator

    Returns
    -------
    list of estimators
        One of a pipeline or wrapper, all members of an ensemble; none of a network, of
        any other model, and of wrappers that are not fitted.
    """
    if is_graph_network(model):
        return []
    if isinstance(model, FrozenEstimator):
        return [model.estimator]
    if isinstance(model, Pipeline):
        return [model.steps[-1][1]]
    if hasattr(model, "estimators_"):
        return list(model.estimators_)
    for name in ("estimator_", "best_estimator_"):
        if hasattr(model, name):
            return [getattr(model, name)]
    return []


def unwrap(model: Any, choose: Callable[[Sequence], Any] = lambda m: m[0]) -> Any:
    """Return the network inside pipelines, ensembles, searches and other wrappers.

    Parameters
    ----------
    model : estimator
    choose : callable, optional
        Takes one of the members of an ensemble; by default the first.

    Returns
    -------
    estimator
        The first that is a network or has no fitted model inside.
    """
    while inside := fitted_models(model):
        model = choose(inside) if len(inside) > 1 else inside[0]
    return model


def networks_of(model: Any) -> list[Any]:
    """Find the networks in a fitted model, one or all members of an ensemble.

    Parameters
    ----------
    model : estimator
        A network, or a pipeline, ensemble, calibrated or augmented model or search
        about one.

    Returns
    -------
    list of GNNEstimator
        The model predicts the mean of their predictions.

    Raises
    ------
    NotFittedError
        If the model was not fitted.
    TypeError
        If it is of another kind, or its predictions are not that mean.
    """
    if is_graph_network(model):
        check_is_fitted(model, "net_")
        return [model]
    if isinstance(model, Pipeline):
        _check_only_makes_graphs(model)
    elif isinstance(model, BaseEstimator):
        check_is_fitted(model)
    inside = fitted_models(model)
    # Of other models with members, predictions need not be the mean.
    averages = getattr(model, "_averages_members", False)
    if not inside or (hasattr(model, "estimators_") and not averages):
        raise TypeError(
            f"model is a {type(model).__name__}, of which it is not known how its "
            "predictions come from a graph network; pass the network itself, or a "
            "pipeline or EnsembleRegressor of networks."
        )
    return [network for one in inside for network in networks_of(one)]


def _check_only_makes_graphs(pipeline: Pipeline) -> None:
    for name, step in pipeline.steps[:-1]:
        if isinstance(step, FrozenEstimator):
            step = step.estimator
        if step not in (None, "passthrough") and not isinstance(
            step, CrystalGraphTransformer
        ):
            raise TypeError(
                f"model has the step {name!r}, a {type(step).__name__}, before its "
                "network, which may change crystals; explain pipeline[-1] on the "
                "output of the steps before."
            )


def target_names_of(model: Any) -> list[str] | None:
    """Names of the targets that a fitted model predicts; None if it has none."""
    names = getattr(model, "target_names_", None)
    if names:
        return list(names)
    inside = fitted_models(model)
    return target_names_of(inside[0]) if inside else None


def supports_std(model: Any) -> bool:
    """Whether ``predict(X, return_std=True)`` of a fitted model gives an std."""
    if isinstance(model, Pipeline | FrozenEstimator):
        return supports_std(fitted_models(model)[0])
    if hasattr(model, "_supports_std"):
        return model._supports_std()
    return "return_std" in inspect.signature(model.predict).parameters


def models_to_fit(estimator: Any) -> Iterator[Any]:
    """Yield an estimator and the models among its parameters that it would fit.

    Frozen ones are not looked into; nor are networks, whose `pretrained` is only the
    start of training.
    """
    yield estimator
    if is_graph_network(estimator) or isinstance(estimator, FrozenEstimator):
        return
    for value in estimator.get_params(deep=False).values():
        # Compositions have lists of tuples, whose second entry is the estimator.
        entries = value if isinstance(value, list | tuple) else [(None, value)]
        for entry in entries:
            part = entry[1] if isinstance(entry, tuple) and len(entry) > 1 else None
            if hasattr(part, "get_params") and not isinstance(part, type):
                yield from models_to_fit(part)


# Targets of sites


def labels_sites(estimator: Any) -> bool:
    """Whether an estimator, or one that it wraps, has targets of sites."""
    return any(map(_has_site_targets, models_to_fit(estimator)))


def _has_site_targets(model: Any) -> bool:
    if not isinstance(model, FrozenEstimator):
        return getattr(model, "target_level", None) == "atom"
    inside = model.estimator
    if is_graph_network(inside) and "net_" in vars(inside):
        # Parameters may have been changed since the fit.
        return getattr(inside, "target_level_", None) == "atom"
    return labels_sites(inside)


def refuse_sites(estimator: BaseEstimator, taker: str) -> None:
    """Refuse an estimator with targets of sites where only those of crystals serve.

    Raises
    ------
    ValueError
        If it has them.
    """
    if labels_sites(estimator):
        raise ValueError(
            f'estimator has target_level="atom", but {taker} takes targets of crystals '
            "alone."
        )


def read_targets(estimator: BaseEstimator, y: Any, X: Any) -> Targets:
    """Check labels of crystals or of sites, whichever an estimator takes.

    Parameters
    ----------
    estimator : BaseEstimator
    y : labels
    X : CrystalGraphs, or sequence of n crystals
    """
    if not labels_sites(estimator):
        return check_targets(y, len(X))
    if holds_data(X):
        X = CrystalGraphs.from_data_list(list(X))
    if isinstance(X, CrystalGraphs):
        return check_site_targets(y, X.n_sites)
    return check_site_targets(y, np.array([len(crystal) for crystal in X]))


# Preprocessing steps, which several models share


def separate(estimator: BaseEstimator) -> tuple[Pipeline | None, BaseEstimator]:
    """Split an estimator in its preprocessing steps and its last step.

    Parameters
    ----------
    estimator : estimator or Pipeline

    Returns
    -------
    steps : Pipeline or None
        All steps but the last; None if there are none.
    final : estimator
    """
    if not isinstance(estimator, Pipeline):
        return None, estimator
    steps = estimator[:-1] if len(estimator.steps) > 1 else None
    return steps, estimator.steps[-1][1]


def rejoin(
    estimator: BaseEstimator, steps: Pipeline | None, final: BaseEstimator
) -> BaseEstimator:
    """Join fitted steps and model, named as in the `estimator` they came from."""
    if steps is None:
        return final
    name = (
        estimator.steps[-1][0]
        if isinstance(estimator, Pipeline)
        else type(final).__name__.lower()
    )
    return Pipeline([*steps.steps, (name, final)])


def hoist_preprocessing(estimator: BaseEstimator) -> BaseEstimator:
    """Move a pipeline's first steps out of the estimator that wraps it.

    ``EnsembleRegressor(make_pipeline(steps, network))`` becomes the pipeline of the
    steps and the ensemble of the network, which does the same.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Not changed.

    Returns
    -------
    estimator or Pipeline
    """
    if not _passes_on(estimator):
        return estimator
    steps, final = separate(hoist_preprocessing(estimator.estimator))
    if steps is None:
        return estimator
    outer = clone(estimator).set_params(estimator=clone(final, safe=False))
    return Pipeline([*steps.steps, (type(estimator).__name__.lower(), outer)])


def fit_preprocessing(
    estimator: BaseEstimator, X: Any, y: Any
) -> tuple[Pipeline | None, BaseEstimator, Any]:
    """Fit the preprocessing steps, which are the same for models of one kind.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Not changed.
    X : sequence of n crystals or graphs
    y : array-like of n rows
        For steps that read labels; none of ours does.

    Returns
    -------
    steps : Pipeline or None
        Fitted clone of all steps but the last.
    final : estimator
        The last step, as it was given.
    X : CrystalGraphs, or the input that the last step is to be fitted on
    """
    steps, final = separate(hoist_preprocessing(estimator))
    if steps is not None:
        steps = clone(steps)
        X = steps.fit_transform(X, y)
    # A clone: the state of an earlier fit of `final` has no effect.
    return steps, final, as_model_input(clone(final), X)


def input_network(final: Any) -> Any | None:
    """Return the network that reads the input of a model; None if none does."""
    while _passes_on(final):
        final = (fitted_models(final) or [final.estimator])[0]
    if isinstance(final, FrozenEstimator):
        final = final.estimator
    return final if is_graph_network(final) else None


def as_model_input(final: Any, X: Any) -> Any:
    """Graphs of crystals if the network would build them itself; else `X` as it is."""
    network = input_network(final)
    if network is None or isinstance(X, CrystalGraphs):
        return X
    # A fitted model knows how its graphs were made, or those of `pretrained`.
    settings, known = network._graphs_before()
    return as_graphs(
        X,
        settings=settings,
        vectors=network._needs_vectors,
        merged=network._reads_merged,
        build=known,
    )


def preprocess(steps: Pipeline | None, final: BaseEstimator, X: Any) -> Any:
    """Transform new crystals to the input of the last step."""
    if steps is not None:
        X = steps.transform(X)
    return as_model_input(final, X)


def embed(model: Any, X: Any) -> NDArray[np.float32]:
    """Features of crystals in a fitted model, which may be frozen or a pipeline."""
    if isinstance(model, FrozenEstimator):
        model = model.estimator
    steps, final = separate(model)
    return final.embed(preprocess(steps, final, X))


def can_embed(estimator: BaseEstimator) -> bool:
    """Whether the network within an estimator that wraps it gives features.

    Raises
    ------
    AttributeError
        If not.
    """
    final = estimator.estimator
    while isinstance(final, Pipeline | FrozenEstimator) or _passes_on(final):
        final = (fitted_models(final) or [final.estimator])[0]
    if not hasattr(final, "embed"):
        raise AttributeError(f"{type(final).__name__} has no embed(X).")
    return True


def check_weighable(final: BaseEstimator) -> None:
    """Refuse weights for a model that takes none.

    Raises
    ------
    ValueError
        If it takes none.
    """
    if not has_fit_parameter(final, "sample_weight"):
        raise ValueError(
            f"sample_weight was given, but {type(final).__name__} takes none; leave it "
            "out."
        )


def _passes_on(estimator: Any) -> bool:
    # A frozen one has the attributes of the model in it, which is not taken apart.
    frozen = isinstance(estimator, FrozenEstimator)
    return not frozen and getattr(estimator, "_passes_graphs_on", False)
