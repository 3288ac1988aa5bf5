"""Trained networks put into estimators, and made again in the form they have."""

from __future__ import annotations

from typing import Any

import torch
from sklearn.base import BaseEstimator, is_classifier
from torch import nn

from ..nn import PublishedCGCNN, PublishedSizes
from ..utils._validation import validate_params_of
from ._net import prediction_net
from ._processes import pick_processes

# What `fit` leaves, beside the net.
_OF_NETWORKS = (
    "target_names_",
    "graph_settings_",
    "cutoff_",
    "elements_",
    "_architecture",
    "_mc_seed",
    "n_iter_",
    "history_",
    "_training_set",
)
_OF_REGRESSORS = ("_scaler", "_is_1d", "pooling_", "_is_gaussian", "task_weights_")
_OF_CLASSIFIERS = ("classes_",)


def state_names(model: BaseEstimator) -> tuple[str, ...]:
    """Names of what `fit` leaves and is saved, but for the net of networks."""
    if model._saved_state:
        return model._saved_state
    return _OF_NETWORKS + (_OF_CLASSIFIERS if is_classifier(model) else _OF_REGRESSORS)


def fitted_from(
    model: BaseEstimator, network: nn.Module, state: dict[str, Any]
) -> BaseEstimator:
    """Make a fitted model of a trained network.

    Parameters
    ----------
    model : GNNEstimator
        Is changed: it predicts by the network then, on its device.
    network : CrystalNetwork or TaskNetworks
    state : dict
        All else that `fit` leaves, by the names of `state_names`.

    Returns
    -------
    GNNEstimator
    """
    vars(model).update({name: state[name] for name in state_names(model)})
    model.net_ = prediction_net(network, pick_processes(model.device, False).device)
    return model


def make_network(model: Any, published: PublishedSizes | None) -> nn.Module:
    """Make a network of the form of a fitted model's, whatever its parameters are now.

    Parameters
    ----------
    model : GNNEstimator
        Needs no net.
    published : dict or None
        Sizes of a published network, see `sizes_of_published`.

    Returns
    -------
    CrystalNetwork or TaskNetworks
        Its weights have no meaning.
    """
    from ._base import _GENERATORS

    maker = type(model)(**model._architecture)
    validate_params_of(maker)  # a file says them
    for name in state_names(model):
        setattr(maker, name, getattr(model, name))
    # The first weights are drawn; the caller's generator stays as it is.
    with _GENERATORS, torch.random.fork_rng(devices=[]):
        if published:
            return PublishedCGCNN(**published, **maker._outputs())
        return maker._build_network()


def sizes_of_published(network: nn.Module) -> PublishedSizes | None:
    """Sizes of a published CGCNN, which no parameter of an estimator says.

    Parameters
    ----------
    network : nn.Module

    Returns
    -------
    dict of str to int, or None
        By the parameters of ``PublishedCGCNN``; None for any other network.
    """
    if not isinstance(network, PublishedCGCNN):
        return None
    return {
        "hidden_dim": network.hidden_dim,
        "n_layers": len(network.convolutions),
        "head_dim": network.head_dim,
        "n_hidden": network.n_hidden,
        "n_features": network.elements.features.shape[1],
    }
