"""CGCNN as a regressor and as a classifier."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from os import PathLike
from typing import Any, ClassVar, Self, TypeVar

import numpy as np
import pandas as pd
from sklearn.base import is_classifier

from ...graphs import GraphSettings
from ...nn import CGCNN, CrystalNetwork, PublishedCGCNN
from ...nn.layers._convolutions import CONVOLUTIONS
from ...utils._declared import share_parameters
from ...utils._validation import Interval, StrOptions
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor
from ..saving._cgcnn_checkpoint import Checkpoint, read_checkpoint
from ..saving._models import fitted_from
from ..targets._scaler import TargetScaler


class CGCNNArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=3
        Number of convolutions.
    n_basis : int, default=41
        Number of Gaussians in which distances are expanded.
    conv : {"gated", "shared", "self"}, default="gated"
        Form of the convolutions, by the equations of the paper: a gate for each
        neighbour (5), one weight matrix for all neighbours (4), or no neighbours at
        all, for comparison: such a network sees the composition alone.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_basis": [Interval(Integral, 2, None, closed="left")],
        "conv": [StrOptions(set(CONVOLUTIONS))],
    }

    n_basis: int = 41
    conv: str = "gated"

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return CGCNN(
            cutoff=cutoff,
            n_layers=self.n_layers,
            n_basis=self.n_basis,
            conv=self.conv,
            **shared,
        )


@share_parameters
class CGCNNRegressor(CGCNNArchitecture, GNNRegressor):
    """Crystal graph convolutional network.

    Gated convolutions weight each neighbour by a function of both atoms and their
    distance [1]_. The published graph is ``CrystalGraphTransformer(cutoff=8.0,
    max_neighbors=12)``. Messages fade out towards the cutoff, and their sums are
    normalised per atom rather than over the edges of a batch, so that a prediction
    depends on its crystal alone.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    SchNetRegressor : Cheaper a neighbour, wants all within a cutoff.

    References
    ----------
    .. [1] T. Xie, J. C. Grossman, "Crystal Graph Convolutional Neural Networks for an
       Accurate and Interpretable Prediction of Material Properties", Phys. Rev. Lett.
       120, 145301 (2018).

    Examples
    --------
    >>> from skcrystal import CGCNNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = CGCNNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """

    @classmethod
    def from_cgcnn_checkpoint(
        cls, path: str | PathLike, atom_init: str | PathLike | Mapping
    ) -> Self:
        """Read a fitted model from weights that the original program wrote.

        The network is the published one, number for number; ``warm_start=True`` trains
        it on, and `fit` without that, or of a clone, trains the network of this class.
        Crystals with elements that `atom_init` lacks are refused, in either case.

        Parameters
        ----------
        path : str or Path
            ``*.pth.tar`` file, such as `skcrystal.datasets.fetch_cgcnn_checkpoint`
            downloads. No code in it is run.
        atom_init : str, Path or dict
            The element vectors it was trained with: ``atom_init.json``, or its
            content, a dict of atomic numbers to lists of numbers.

        Returns
        -------
        CGCNNRegressor
            Of one target, in the unit of the labels of its training.

        Raises
        ------
        ValueError
            If the file does not exist, is damaged or something else, or holds a
            network for classes or for other graphs; or if `atom_init` does not fit.
        """
        return estimator_from_checkpoint(cls, path, atom_init)


@share_parameters
class CGCNNClassifier(CGCNNArchitecture, GNNClassifier):
    """CGCNN for classes: the network of `CGCNNRegressor`."""

    @classmethod
    def from_cgcnn_checkpoint(
        cls, path: str | PathLike, atom_init: str | PathLike | Mapping
    ) -> Self:
        """Read a fitted model from weights that the original program wrote.

        As `CGCNNRegressor.from_cgcnn_checkpoint`, for weights of a classification.

        Parameters
        ----------
        path : str or Path
            ``*.pth.tar`` file. No code in it is run.
        atom_init : str, Path or dict
            The element vectors it was trained with: ``atom_init.json``, or its
            content, a dict of atomic numbers to lists of numbers.

        Returns
        -------
        CGCNNClassifier
            Of the classes 0 and 1; 1 is a metal in the published weights.

        Raises
        ------
        ValueError
            If the file does not exist, is damaged or something else, or holds a
            network for numbers or for other graphs; or if `atom_init` does not fit.
        """
        return estimator_from_checkpoint(cls, path, atom_init)


# Published weights of CGCNN as fitted estimators.


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
    """Fitted state of a regressor of one target."""
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
