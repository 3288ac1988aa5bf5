"""GCN as a regressor and as a classifier."""

from __future__ import annotations

from typing import Any, ClassVar

from ...nn import GCN, CrystalNetwork
from ...utils._declared import share_parameters
from ...utils._validation import StrOptions
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class GCNArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=3
        Number of convolutions.
    edge_weight : {"distance", "uniform"}, default="distance"
        Weigh neighbours by a cosine that falls from one to zero at the cutoff, or all
        by one as in the original, which then sees no distances.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "edge_weight": [StrOptions({"distance", "uniform"})],
    }

    edge_weight: str = "distance"

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return GCN(
            cutoff=cutoff,
            n_layers=self.n_layers,
            edge_weight=self.edge_weight,
            **shared,
        )


@share_parameters
class GCNRegressor(GCNArchitecture, GNNRegressor):
    """Graph convolutional network: the plain baseline.

    Each layer takes the mean over an atom and its neighbours, then a linear map and
    ReLU [1]_. It is the fastest and the least accurate: distances enter through one
    number an edge at most.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    SchNetRegressor : Still fast, and sees distances.

    References
    ----------
    .. [1] T. N. Kipf, M. Welling, "Semi-Supervised Classification with Graph
       Convolutional Networks", ICLR 2017, arXiv:1609.02907.

    Examples
    --------
    >>> from skcrystal import GCNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = GCNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class GCNClassifier(GCNArchitecture, GNNClassifier):
    """GCN for classes: the network of `GCNRegressor`."""
