"""Conversion of fitted models to records without code, and back."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from torch import nn

from ...graphs import CrystalGraphTransformer
from ...nn import PublishedCGCNN
from ...nn.architectures._published_cgcnn import PublishedSizes
from ...utils._random import GENERATORS_LOCK
from ...utils._validation import validate_params_of
from .._pipelines import is_graph_network, separate
from ..training._devices import pick_workers
from ..training._net import prediction_net
from ._registry import class_names, find_class
from ._values import Reader, Writer

# These hold code, or the name of a folder on this machine.
_NEVER_WRITTEN = ("callbacks", "memory")


# Models to records


def write_model(model: BaseEstimator, writer: Writer, place: str = "") -> dict:
    """Record of a fitted model, and of those inside it.

    Raises
    ------
    TypeError
        If one is of a class, or has a parameter, that cannot be written.
    ValueError
        If its network is not the one that its parameters describe.
    """
    if isinstance(model, FrozenEstimator):
        return {"frozen": write_model(model.estimator, writer, place)}
    if isinstance(model, Pipeline):
        return write_model(_behind_graphs(model), writer, place)
    record = _write_unfitted(model, writer, place)
    _check_class(model)
    record["state"] = {
        name: _write_state(value, writer, place + name)
        for name, value in model._get_fitted().items()
    }
    if is_graph_network(model):
        record["network"] = _write_network(model, writer, f"{place}network.")
    return record


def _write_state(value: Any, writer: Writer, place: str) -> Any:
    if isinstance(value, BaseEstimator):
        return {"$model": write_model(value, writer, f"{place}.")}
    if isinstance(value, list) and any(isinstance(v, BaseEstimator) for v in value):
        return {
            "$models": [
                write_model(member, writer, f"{place}.{i}.")
                for i, member in enumerate(value)
            ]
        }
    return writer.write(value, place)


def _write_unfitted(model: BaseEstimator, writer: Writer, place: str) -> dict:
    if isinstance(model, Pipeline):
        if model.memory is not None:
            writer.left_out["memory"] = "is a cache of this machine"
        steps = [
            [name, _write_unfitted(step, writer, f"{place}{name}.")]
            for name, step in model.steps
        ]
        return {"pipeline": steps}
    if not isinstance(model, CrystalGraphTransformer):
        _check_class(model)
    parameters = {}
    for name, value in model.get_params(deep=False).items():
        if name in _NEVER_WRITTEN:
            if value is not None:
                writer.left_out[name] = f"is a {type(value).__name__}"
        elif isinstance(value, FrozenEstimator):
            parameters[name] = _write_frozen(model, name)
        elif isinstance(value, BaseEstimator):
            inner = _write_unfitted(value, writer, f"{place}{name}.")
            parameters[name] = {"$unfitted": inner}
        elif isinstance(value, np.random.RandomState):
            writer.left_out[name] = "is a generator"
            parameters[name] = None
        else:
            try:
                parameters[name] = writer.write(value, f"{place}{name}")
            except TypeError as error:
                raise TypeError(
                    f"the parameter {name} of {type(model).__name__} cannot be saved: "
                    f"{error}; set it to numbers, text, lists or dicts."
                ) from error
    return {"class": type(model).__name__, "parameters": parameters}


def _write_frozen(model: BaseEstimator, name: str) -> Any:
    if name == "pretrained":
        return None  # initial weights only; the trained ones are saved
    if getattr(model, name) is not getattr(model, f"{name}_", None):
        raise ValueError(
            f"the parameter {name} of {type(model).__name__} is not the model that it "
            "was fitted with; call fit again first."
        )
    return {"$fitted": f"{name}_"}


def _behind_graphs(pipeline: Pipeline) -> BaseEstimator:
    """Last step of a pipeline, if all others make graphs."""
    before, final = separate(pipeline)
    for _, step in before.steps if before is not None else []:
        if not isinstance(step, CrystalGraphTransformer):
            raise TypeError(
                f"a pipeline with a {type(step).__name__} cannot be saved; save its "
                "final step, pipeline[-1], and apply the other steps yourself."
            )
    return final


def _check_class(model: BaseEstimator) -> None:
    name = type(model).__name__
    if find_class(name) is not type(model):
        inside = (
            "; save its estimator_, which predicts the same"
            if hasattr(model, "estimator_")
            else ""
        )
        raise TypeError(
            f"a {name} cannot be saved, only models of "
            f"{', '.join(class_names())}{inside}."
        )


def _write_network(model: Any, writer: Writer, place: str) -> dict:
    network = model.net_.module_
    published = sizes_of_published(network)
    record = {"weights": place, "published": published}
    weights = network.state_dict()
    # Rather fail here than in reading
    again = make_network(model, published).state_dict()
    if {k: v.shape for k, v in weights.items()} != {
        k: v.shape for k, v in again.items()
    }:
        raise ValueError(
            f"the network of this {type(model).__name__} is not the one that its "
            "parameters describe, so that it could not be made again; fit it anew."
        )
    for name, tensor in weights.items():
        writer.arrays[place + name] = tensor.detach().cpu().numpy().copy(order="C")
    return record


# Records to models


def read_model(record: dict, reader: Reader) -> BaseEstimator:
    """Fitted model of a record.

    Raises
    ------
    ValueError, KeyError, TypeError or others
        If the record does not describe one.
    """
    if "frozen" in record:
        return FrozenEstimator(read_model(record["frozen"], reader))
    state = {k: _read_state(v, reader) for k, v in record["state"].items()}
    model = _read_unfitted(record, reader, state)
    if extra := [name for name in state if name not in model._saved_state]:
        raise ValueError(f"{type(model).__name__} has no {', '.join(extra)}")
    if absent := [name for name in model._saved_state if name not in state]:
        raise ValueError(f"a {type(model).__name__} needs {', '.join(absent)}")
    model._set_fitted(state)
    if not is_graph_network(model):
        return model
    if "network" not in record:
        raise ValueError(f"a {type(model).__name__} needs a network")
    network = make_network(model, record["network"]["published"])
    network.load_state_dict(reader.below(record["network"]["weights"]), strict=True)
    return fitted_from(model, network, state)


def _read_state(value: Any, reader: Reader) -> Any:
    if isinstance(value, dict) and "$model" in value:
        return read_model(value["$model"], reader)
    if isinstance(value, dict) and "$models" in value:
        return [read_model(member, reader) for member in value["$models"]]
    return reader.read(value)


def _read_unfitted(
    record: dict, reader: Reader, state: dict[str, Any] | None = None
) -> BaseEstimator:
    if "pipeline" in record:
        return Pipeline([(n, _read_unfitted(s, reader)) for n, s in record["pipeline"]])
    name = record["class"]
    cls: Any = find_class(name)
    if name == CrystalGraphTransformer.__name__:
        cls = CrystalGraphTransformer
    if cls is None:
        raise ValueError(f"{name!r} is not a class that can be saved")
    allowed = set(cls._get_param_names()) - set(_NEVER_WRITTEN)
    parameters = {}
    for name, value in record["parameters"].items():
        if name not in allowed:
            raise ValueError(f"{cls.__name__} has no parameter {name!r}")
        if isinstance(value, dict) and "$unfitted" in value:
            parameters[name] = _read_unfitted(value["$unfitted"], reader)
        elif isinstance(value, dict) and "$fitted" in value:
            parameters[name] = (state or {})[value["$fitted"]]
        else:
            parameters[name] = reader.read(value)
    if "device" in parameters:
        parameters["device"] = _device_here(parameters["device"])
    model = cls(**parameters)
    validate_params_of(model)
    return model


def _device_here(device: str) -> str:
    try:
        torch.empty(0, device=pick_workers(device, False).device)
    # Each backend that torch was built without raises another error.
    except (ValueError, RuntimeError, AssertionError, ImportError):
        warnings.warn(
            f"the model was saved with device={device!r}, which is not here; it is "
            'loaded with device="auto".',
            stacklevel=2,
        )
        return "auto"
    return device


# Networks of fitted models


def fitted_from(
    model: BaseEstimator, network: nn.Module, state: dict[str, Any]
) -> BaseEstimator:
    """Fitted model with a trained network.

    Parameters
    ----------
    model : GNNEstimator
        Changed in place: it predicts with the network, on its device.
    network : CrystalNetwork or TaskNetworks
    state : dict
        The other fitted attributes, by the names in ``_saved_state``.

    Returns
    -------
    GNNEstimator
    """
    model._set_fitted(state)
    model.net_ = prediction_net(network, pick_workers(model.device, False).device)
    return model


def make_network(model: Any, published: PublishedSizes | None) -> nn.Module:
    """New network of a fitted model's architecture, even if parameters changed since.

    Parameters
    ----------
    model : GNNEstimator
        Needs no net.
    published : dict or None
        Sizes of a published network, see `sizes_of_published`.

    Returns
    -------
    CrystalNetwork or TaskNetworks
        With random weights.
    """
    maker = type(model)(**model._architecture)
    validate_params_of(maker)  # they may come from a file
    maker._set_fitted(model._get_fitted())
    # Drawing initial weights must not advance the caller's generator.
    with GENERATORS_LOCK, torch.random.fork_rng(devices=[]):
        if published:
            return PublishedCGCNN(**published, **maker._outputs(maker._task))
        # Earlier versions had no parameter `norm`.
        norm = maker._architecture.get("norm", "layer")
        return maker._build_network(maker._task, maker.cutoff_, norm)


def sizes_of_published(network: nn.Module) -> PublishedSizes | None:
    """Sizes of a published CGCNN, which are not parameters of an estimator.

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
