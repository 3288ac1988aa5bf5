"""Message passing with a matrix for each distance, as regressor and as classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import MPNN, CrystalNetwork
from ...utils._declared import share_parameters
from ...utils._validation import Interval
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class MPNNArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width F of the atom features.
    n_layers : int, default=3
        Number of steps, which share their weights.
    n_basis : int, default=50
        Number of Gaussians in which distances are expanded.
    edge_dim : int, default=16
        Width of the hidden layer that makes a matrix of a distance: its cost, and the
        variety of matrices. They have ``(edge_dim + 1) * hidden_dim ** 2``
        weights.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_basis": [Interval(Integral, 2, None, closed="left")],
        "edge_dim": [Interval(Integral, 1, None, closed="left")],
    }

    n_basis: int = 50
    edge_dim: int = 16

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return MPNN(
            cutoff=cutoff,
            n_basis=self.n_basis,
            edge_dim=self.edge_dim,
            n_layers=self.n_layers,
            **shared,
        )


@share_parameters
class MPNNRegressor(MPNNArchitecture, GNNRegressor):
    """MPNN: neighbours are multiplied by a matrix, which the distance decides.

    A small network makes a matrix of each distance, and a gated recurrent unit updates
    atoms by the sum of their neighbours' messages [1]_. Messages fall to zero at the
    cutoff, so predictions change smoothly as atoms move.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    SchNetRegressor : Filters in place of matrices, at a fraction of the cost.

    References
    ----------
    .. [1] J. Gilmer, S. S. Schoenholz, P. F. Riley, O. Vinyals, G. E. Dahl, "Neural
       Message Passing for Quantum Chemistry", ICML 2017, arXiv:1704.01212.

    Examples
    --------
    >>> from skcrystal import MPNNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = MPNNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class MPNNClassifier(MPNNArchitecture, GNNClassifier):
    """MPNN for classes: the network of `MPNNRegressor`."""
