"""EGNN as a regressor and as a classifier."""

from __future__ import annotations

import copy
from typing import Any, ClassVar

from ...graphs import CrystalGraphs
from ...nn import EGNN, CrystalNetwork
from ...utils._declared import share_parameters
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class EGNNArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of atom features and messages.
    n_layers : int, default=4
        Number of layers.
    update_positions : bool, default=False
        Whether layers move atoms, so that later ones see other distances. Graphs then
        need displacements of all sites, ``CrystalGraphTransformer(reduce=None,
        vectors=True)``. Without, they may be any, and equal atoms are merged.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "update_positions": ["boolean"],
    }

    n_layers: int = 4
    update_positions: bool = False

    # A merged edge leads to one of several equal atoms, which move in different
    # directions. Both attributes depend on the parameter.
    _needs_vectors: ClassVar[Any] = property(lambda self: self.update_positions)
    _reads_merged: ClassVar[Any] = property(lambda self: not self.update_positions)

    def _graphs_for_prediction(self, X: Any) -> CrystalGraphs:
        # The fitted network decides, as the parameter may have been changed since.
        fitted = copy.copy(self)
        if "_architecture" in vars(self):
            fitted.update_positions = self._architecture["update_positions"]
        return super(EGNNArchitecture, fitted)._graphs_for_prediction(X)

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return EGNN(
            cutoff=cutoff,
            n_layers=self.n_layers,
            update_positions=self.update_positions,
            **shared,
        )


@share_parameters
class EGNNRegressor(EGNNArchitecture, GNNRegressor):
    """E(n)-equivariant network: messages from squared distances, atoms that move.

    A message is a perceptron of both atoms and their squared distance [1]_. With
    `update_positions` messages also move atoms, along the lines that join them, and
    all turns with the crystal; targets are read from invariant features, so that
    predictions are the same for a crystal that is rotated or reflected. The authors
    leave atoms where they are to predict properties of molecules.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    CoGNRegressor : Messages of distances too, in many Gaussians.
    AngularCoGNRegressor : Sees angles.

    References
    ----------
    .. [1] V. G. Satorras, E. Hoogeboom, M. Welling, "E(n) Equivariant Graph Neural
       Networks", ICML 2021, arXiv:2102.09844.

    Examples
    --------
    >>> from skcrystal import EGNNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = EGNNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class EGNNClassifier(EGNNArchitecture, GNNClassifier):
    """EGNN for classes: the network of `EGNNRegressor`."""
