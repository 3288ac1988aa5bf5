"""Initial networks of training: of the last fit, or pretrained."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator

from ..graphs import GraphSettings
from ..nn import TaskNetworks
from ..nn._any_network import AnyNetwork
from ._parameters import SharedParameters
from ._pipelines import unwrap
from .saving._save import load_pretrained

if TYPE_CHECKING:
    from ._base import GNNEstimator

# These change no weight below the head.
_NOT_OF_THE_TRUNK = frozenset(
    {
        "dropout",
        "dropout_conv",
        "n_task_layers",
        "output_transform",
        "pooling",
        "sharing",
        "sharing_strength",
        "target_level",
    }
)


@dataclass(frozen=True)
class InitialNetwork:
    """Trained network, and the settings of its training.

    Attributes
    ----------
    network : AnyNetwork
        Training may change it.
    resumes : bool
        Whether its head is used too, for the same targets.
    settings : GraphSettings or None
    cutoff : float
        Reach of the network in Å.
    elements : ndarray of int
    """

    network: AnyNetwork
    resumes: bool
    settings: GraphSettings | None
    cutoff: float
    elements: NDArray[np.int64]


def find_initial_network(
    model: GNNEstimator, random: np.random.RandomState
) -> InitialNetwork | None:
    """Initial network of `fit`; None if weights are random.

    Raises
    ------
    ValueError
        If `pretrained` is not a fitted model of this architecture, the last fit's
        network is not, or `freeze` is set without a trained network.
    """
    if resumes(model):
        return _initial_network(model, model.net_.module_, True)
    if model.warm_start and _is_trained(model):
        _check_trunk(model, model, "the last fit left")
        return _initial_network(model, _trunk_for(model, model), False)
    if model.pretrained is not None:
        source = _source(model, random)
        _check_trunk(model, source, f"pretrained is a {type(source).__name__} with")
        return _initial_network(source, _trunk_for(model, source), False)
    if model.freeze is not None:
        raise ValueError(
            f"freeze={model.freeze!r} needs a trained network, but this "
            f"{type(model).__name__} starts from random weights: give `pretrained`, or "
            'set warm_start=True (or "trunk") on a model that is fitted.'
        )
    return None


def resumes(model: GNNEstimator) -> bool:
    """Whether the next fit resumes from the last network, head included."""
    return bool(model.warm_start) and model.warm_start != "trunk" and _is_trained(model)


def graphs_before(model: GNNEstimator) -> tuple[GraphSettings | None, bool]:
    """Settings of earlier graphs, for a model's next fit or predictions.

    Returns
    -------
    settings : GraphSettings or None
        Those of the model's last fit or of `pretrained`; None if there was neither, or
        they are unknown.
    known : bool
        False if there were graphs of unknown settings.
    """
    if _is_trained(model):
        settings = model.graph_settings_
    elif model.pretrained is not None:
        # All members of an ensemble have read the same graphs.
        settings = _source(model, np.random.RandomState(0)).graph_settings_
    else:
        return None, True
    return settings, settings is not None


def check_same_architecture(model: GNNEstimator, wanted: dict[str, Any]) -> None:
    """Check that the network of the last fit has the wanted architecture.

    Raises
    ------
    ValueError
        If a parameter differs.
    """
    # A model that was saved by an earlier version may lack a parameter.
    trained = type(model)()._get_architecture() | {"norm": "layer"}
    trained |= model._architecture
    for name, value in wanted.items():
        if name == "norm" and value is None:
            continue
        if value != trained[name]:
            raise ValueError(
                f"warm_start=True goes on with a network of {name}="
                f"{trained[name]!r}, which cannot become {value!r}; set "
                "warm_start=False to start anew."
            )


def _initial_network(
    source: GNNEstimator, network: Any, resumes: bool
) -> InitialNetwork:
    return InitialNetwork(
        network, resumes, source.graph_settings_, source.cutoff_, source.elements_
    )


def _trunk_for(model: GNNEstimator, source: GNNEstimator) -> Any:
    """Copy of a network: training must not change the source's.

    Nor may training that fails leave a changed one to the model.
    """
    network = copy.deepcopy(source.net_.module_)
    if isinstance(network, TaskNetworks):
        network.strength = model.get_params()["sharing_strength"]
    return network


def _source(model: GNNEstimator, random: np.random.RandomState) -> GNNEstimator:
    """The fitted model of `pretrained`; of several, one at random."""
    found = unwrap(
        _load(model.pretrained), lambda members: members[random.randint(len(members))]
    )
    name = type(found).__name__
    if not isinstance(found, SharedParameters) and not hasattr(found, "estimator"):
        raise ValueError(f"pretrained holds a {name}, which has no graph network.")
    if not _is_trained(found):
        raise ValueError(f"pretrained holds a {name} that is not fitted.")
    return found


def _load(pretrained: str | PathLike | FrozenEstimator) -> Any:
    if isinstance(pretrained, FrozenEstimator):
        return pretrained
    return load_pretrained(pretrained)


def _is_trained(model: GNNEstimator) -> bool:
    return "net_" in vars(model)


def _check_trunk(model: GNNEstimator, source: GNNEstimator, found: str) -> None:
    """Check that the trunk of a network has a model's parameters.

    Parameters
    ----------
    model : GNNEstimator
    source : GNNEstimator
        Fitted. Its parameters may have been changed since.
    found : str
        Begins the message.
    """
    if source._trunk_kind() != model._trunk_kind():
        raise ValueError(
            f"{found} a network that a {type(model).__name__} cannot start from; the "
            "architectures differ."
        )
    was, wanted = source._architecture, model._get_architecture()
    # Those without the parameter have one trunk for all targets, as hard sharing has.
    has, needed = (parameters.get("sharing", "hard") for parameters in (was, wanted))
    if has != needed:
        raise ValueError(
            f"{found} a network of sharing={has!r}, but this {type(model).__name__} "
            f"has sharing={needed!r}; one trunk for all targets cannot become one "
            "for each, nor the other way round."
        )
    if wanted["norm"] is None:
        wanted = wanted | {"norm": was.get("norm", "layer")}
    was = {"norm": "layer"} | was  # earlier versions had no other
    for name, value in was.items():
        if name not in _NOT_OF_THE_TRUNK and value != wanted.get(name, value):
            raise ValueError(
                f"{found} a network of {name}={value!r}, but {name}={wanted[name]!r} "
                f"was requested; set {name}={value!r}."
            )
