"""A pipeline taken apart, so that several models share one pass over the crystals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from ..graphs import CrystalGraphs, CrystalGraphTransformer
from ._graph_inputs import as_graphs
from ._parameters import SharedParameters


def separate(estimator: BaseEstimator) -> tuple[Pipeline | None, BaseEstimator]:
    """Split an estimator in what comes before its last step, and that step.

    Parameters
    ----------
    estimator : estimator or Pipeline

    Returns
    -------
    prefix : Pipeline or None
        All steps but the last; None if there are none.
    final : estimator
    """
    if not isinstance(estimator, Pipeline):
        return None, estimator
    prefix = estimator[:-1] if len(estimator.steps) > 1 else None
    return prefix, estimator.steps[-1][1]


def rejoin(
    estimator: BaseEstimator, prefix: Pipeline | None, final: BaseEstimator
) -> BaseEstimator:
    """Put fitted parts together, named as in the `estimator` they came from."""
    if prefix is None:
        return final
    name = (
        estimator.steps[-1][0]
        if isinstance(estimator, Pipeline)
        else type(final).__name__.lower()
    )
    return Pipeline([*prefix.steps, (name, final)])


def lift(estimator: BaseEstimator) -> BaseEstimator:
    """Move a pipeline's first steps out of the estimator that wraps it.

    ``EnsembleRegressor(make_pipeline(steps, network))`` becomes the pipeline of the
    steps and the ensemble of the network, which does the same.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Stays as it is; an estimator says by ``_passes_graphs_on`` that it hands what it
        is given to its `estimator`.

    Returns
    -------
    estimator or Pipeline
    """
    if not _passes_on(estimator):
        return estimator
    inner = lift(estimator.estimator)
    prefix, final = separate(inner)
    if prefix is None:
        return estimator
    outer = clone(estimator).set_params(estimator=clone(final, safe=False))
    return Pipeline([*prefix.steps, (type(estimator).__name__.lower(), outer)])


def fit_prefix(
    estimator: BaseEstimator, X: Any, y: Any
) -> tuple[Pipeline | None, BaseEstimator, Any]:
    """Run everything that does not differ between models of one kind.

    Parameters
    ----------
    estimator : estimator or Pipeline
        Stays as it is.
    X : sequence of n crystals or graphs
    y : array-like of n rows
        For steps that read labels; none of ours does.

    Returns
    -------
    prefix : Pipeline or None
        Fitted clone of all steps but the last.
    final : estimator
        The last step, as it was given.
    X : CrystalGraphs, or what the last step is to be fitted on
    """
    prefix, final = separate(lift(estimator))
    if prefix is not None:
        prefix = clone(prefix)
        X = prefix.fit_transform(X, y)
    # A clone: what an earlier fit left in `final` decides nothing.
    return prefix, final, ready(clone(final), X)


def ready(final: Any, X: Any) -> Any:
    """Graphs of crystals if the network would build them itself; else `X` as it is."""
    while _passes_on(final):
        members = getattr(final, "estimators_", None)
        final = members[0] if members else getattr(final, "estimator_", final.estimator)
    if isinstance(final, FrozenEstimator):
        final = final.estimator
    if is_graph_network(final) and not isinstance(X, CrystalGraphs):
        # A fitted model knows how its graphs were made, or those of `pretrained`.
        settings, known = final._graphs_before()
        return as_graphs(
            X,
            settings=settings,
            vectors=final._needs_vectors,
            merged=final._reads_merged,
            build=known,
        )
    return X


def transform(prefix: Pipeline | None, final: BaseEstimator, X: Any) -> Any:
    """New crystals as the last step reads them."""
    if prefix is not None:
        X = prefix.transform(X)
    return ready(final, X)


def can_embed(estimator: BaseEstimator) -> bool:
    """Whether the network within an estimator that wraps it gives features.

    Raises
    ------
    AttributeError
        If not.
    """
    final = estimator.estimator
    while isinstance(final, Pipeline | FrozenEstimator) or _passes_on(final):
        final = final.steps[-1][1] if isinstance(final, Pipeline) else final.estimator
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


def is_graph_network(estimator: Any) -> bool:
    """Whether an estimator is a graph network itself, not a wrapper of one."""
    return isinstance(estimator, SharedParameters)


def _passes_on(estimator: Any) -> bool:
    # A frozen one answers for what it holds, which is not to be taken apart.
    frozen = isinstance(estimator, FrozenEstimator)
    return not frozen and getattr(estimator, "_passes_graphs_on", False)


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
        The model predicts the mean of what they predict.

    Raises
    ------
    NotFittedError
        If the model was not fitted.
    TypeError
        If it is something else, or makes something else of its networks.
    """
    if is_graph_network(model):
        check_is_fitted(model, "net_")
        return [model]
    if isinstance(model, FrozenEstimator):
        return networks_of(model.estimator)
    if isinstance(model, Pipeline):
        return networks_of(_last_step(model))
    # Of other models with members, predictions need not be the mean.
    if getattr(model, "_averages_members", False):
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
