"""GCN with edge features as a regressor and as a classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import CrystalNetwork, EdgeGCN
from ...utils._declared import share_parameters
from ...utils._validation import Interval
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class EdgeGCNArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=3
        Number of convolutions.
    n_basis : int, default=50
        Number of Gaussians in which distances are expanded.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_basis": [Interval(Integral, 2, None, closed="left")],
    }

    n_basis: int = 50

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return EdgeGCN(
            cutoff=cutoff, n_basis=self.n_basis, n_layers=self.n_layers, **shared
        )


@share_parameters
class EdgeGCNRegressor(EdgeGCNArchitecture, GNNRegressor):
    """Graph convolutional network with edge features: the plain baseline that sees.

    Each layer takes the mean over an atom and its neighbours as a GCN does [1]_, of
    messages that add a linear map of the edge, a Gaussian expansion of its length, to
    that of the neighbour. The two are added, so no layer sees at once which element is
    at which distance.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    GCNRegressor : Edges are one number.
    SchNetRegressor : Neighbours and edges are multiplied, at much the same cost.

    References
    ----------
    .. [1] T. N. Kipf, M. Welling, "Semi-Supervised Classification with Graph
       Convolutional Networks", ICLR 2017, arXiv:1609.02907.

    Examples
    --------
    >>> from skcrystal import EdgeGCNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = EdgeGCNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class EdgeGCNClassifier(EdgeGCNArchitecture, GNNClassifier):
    """EdgeGCN for classes: the network of `EdgeGCNRegressor`."""
