"""What training starts from, if not from nothing."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils.validation import check_is_fitted

from ..graphs import GraphSettings
from ..nn import CrystalNetwork, TaskNetworks

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
    }
)


@dataclass(frozen=True)
class Start:
    """A trained network, and what it was trained on.

    Attributes
    ----------
    network : CrystalNetwork or TaskNetworks
        Training may change it.
    goes_on : bool
        Whether its head is kept, for the same targets.
    settings : GraphSettings or None
    cutoff : float
        Reach of the network in Å.
    elements : ndarray of int
    """

    network: CrystalNetwork | TaskNetworks
    goes_on: bool
    settings: GraphSettings | None
    cutoff: float
    elements: NDArray[np.int64]


def find_start(model: GNNEstimator, random: np.random.RandomState) -> Start | None:
    """What `fit` of a model starts from by its parameters; None for nothing.

    Raises
    ------
    ValueError
        If `pretrained` is no fitted model of this architecture, or `freeze` is set
        though there is nothing trained to keep.
    """
    if model.warm_start and "net_" in vars(model):
        goes_on = model.warm_start is True
        network = model.net_.module_
        # Training that fails must leave the old network to nobody.
        return _start(model, network if goes_on else copy.deepcopy(network), goes_on)
    if model.pretrained is not None:
        source = _of_architecture(model, _pick(_load(model.pretrained), random))
        return _start(source, copy.deepcopy(source.net_.module_), False)
    if model.freeze is not None:
        raise ValueError(
            f"freeze={model.freeze!r} keeps what was trained before, but this "
            f"{type(model).__name__} has nothing: give `pretrained`, or set "
            'warm_start=True (or "trunk") and fit without `freeze` first.'
        )
    return None


def _start(source: GNNEstimator, network: Any, goes_on: bool) -> Start:
    return Start(
        network, goes_on, source.graph_settings_, source.cutoff_, source.elements_
    )


def _load(pretrained: str | Path | FrozenEstimator) -> Any:
    if isinstance(pretrained, FrozenEstimator):
        return pretrained.estimator
    from ._saving import load_pretrained

    return load_pretrained(pretrained)


def _pick(model: Any, random: np.random.RandomState) -> Any:
    """The graph network of a model; of several, one at random."""
    from ._prefix import separate

    while True:
        model = separate(model)[1]
        if isinstance(model, FrozenEstimator):
            model = model.estimator
        elif hasattr(model, "estimators_"):
            model = model.estimators_[random.randint(len(model.estimators_))]
        elif hasattr(model, "estimator_"):
            model = model.estimator_
        else:
            return model


def _of_architecture(model: GNNEstimator, source: Any) -> GNNEstimator:
    """Check that a network can be the trunk of a model's."""
    from ._base import GNNEstimator

    if not isinstance(source, GNNEstimator):
        raise ValueError(
            f"pretrained holds a {type(source).__name__}, which has no graph network."
        )
    try:
        check_is_fitted(source, "net_")
    except NotFittedError as error:
        raise ValueError(
            f"pretrained holds a {type(source).__name__} that is not fitted."
        ) from error
    if source._trunk_kind() != model._trunk_kind():
        raise ValueError(
            f"pretrained is a {type(source).__name__}, whose network a "
            f"{type(model).__name__} cannot start from; the architectures differ."
        )
    wanted = model._get_architecture()
    for name, value in source._architecture.items():
        if name not in _NOT_OF_THE_TRUNK and value != wanted.get(name, value):
            raise ValueError(
                f"pretrained has a network of {name}={value!r}, but {name}="
                f"{wanted[name]!r} was asked for; set {name}={value!r}."
            )
    return source
