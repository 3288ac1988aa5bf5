"""Published weights of CGCNN as fitted estimators."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from ..graphs import GraphSettings
from ..nn import PublishedCGCNN
from ._cgcnn_checkpoint import Checkpoint, read_checkpoint
from ._saved_networks import fitted_from
from ._scaling import TargetScaler

if TYPE_CHECKING:
    from ._cgcnn import CGCNNArchitecture

T = TypeVar("T", bound="CGCNNArchitecture")


def estimator_from_checkpoint(
    cls: type[T], path: str | PathLike, atom_init: str | PathLike | Mapping
) -> T:
    """Make a fitted estimator of weights that the original program wrote.

    Parameters
    ----------
    cls : CGCNNRegressor or CGCNNClassifier
    path, atom_init
        See `read_checkpoint`.

    Returns
    -------
    CGCNNRegressor or CGCNNClassifier

    Raises
    ------
    ValueError
        If the weights are of the other task, or cannot be read.
    """
    found = read_checkpoint(path, atom_init)
    sizes = found.settings
    model = cls(hidden_dim=sizes["hidden_dim"], n_layers=sizes["n_layers"])
    task = "classification" if is_classifier(model) else "regression"
    if found.task != task:
        other = {"regression": "CGCNNRegressor", "classification": "CGCNNClassifier"}
        raise ValueError(
            f"{path} holds a network for {found.task}; read it with "
            f"{other[found.task]}.from_cgcnn_checkpoint."
        )
    of_task = _of_classes() if task == "classification" else _of_target(found)
    architecture = {**model._get_architecture(), **of_task.pop("_architecture", {})}
    state = {
        "graph_settings_": GraphSettings(
            cutoff=PublishedCGCNN.cutoff,
            max_neighbors=PublishedCGCNN.max_neighbors,
            on_isolated="nearest",
        ),
        "cutoff_": PublishedCGCNN.cutoff,
        "elements_": found.elements,
        "_architecture": architecture,
        "_mc_seed": 0,
        "n_iter_": 0,
        "history_": pd.DataFrame(),
        "_training_set": {},
        **of_task,
    }
    return fitted_from(model, found.network, state)


def _of_target(found: Checkpoint) -> dict[str, Any]:
    """What a regressor of one target knows of it."""
    center, scale = np.array([found.mean]), np.array([found.std])
    return {
        "target_names_": ["target_0"],
        "_scaler": TargetScaler(center, scale, np.array([np.nan]), (None,)),
        "_is_1d": True,
        "pooling_": "mean",
        "_is_gaussian": False,
        "task_weights_": np.ones(1),
        "_architecture": {"output_transform": (None,)},
    }


def _of_classes() -> dict[str, Any]:
    return {"target_names_": ["class"], "classes_": np.array([0, 1])}
