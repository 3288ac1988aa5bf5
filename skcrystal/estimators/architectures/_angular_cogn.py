"""coGN with angles as a regressor and as a classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import AngularCoGN, CrystalNetwork
from ...nn.layers._angles import L_MAX
from ...utils._declared import share_parameters
from ...utils._validation import Interval
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor
from ._cogn import CoGNArchitecture


class AngularCoGNArchitecture(CoGNArchitecture):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=4
        Number of blocks.
    n_channels : int, default=32
        Width of the messages between edges.
    l_max : int, default=2
        Largest degree of the polynomials, at most 3: how sharply angles are resolved.
    n_basis : int, default=41
        Number of Gaussians in which distances are expanded.
    edge_dim : int, default=64
        Width of the edge features, which decides the cost.
    """

    _needs_vectors = True

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_channels": [Interval(Integral, 1, None, closed="left")],
        "l_max": [Interval(Integral, 0, L_MAX, closed="both")],
    }

    n_channels: int = 32
    l_max: int = 2

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return AngularCoGN(
            cutoff=cutoff,
            n_basis=self.n_basis,
            edge_dim=self.edge_dim,
            n_layers=self.n_layers,
            n_channels=self.n_channels,
            l_max=self.l_max,
            **shared,
        )


@share_parameters
class AngularCoGNRegressor(AngularCoGNArchitecture, GNNRegressor):
    """coGN whose edges also see the angles between them.

    Before an edge gives its message, it aggregates all other edges of its atom, each
    weighted by a learned function of the angle between the two. ALIGNN [1]_ and nested
    graph networks [2]_ do so on a line graph, whose edges are the pairs of bonds.
    Here the function is a sum of Legendre polynomials, and the addition theorem of
    spherical harmonics makes of the sum over pairs two sums over bonds: a crystal with
    12 neighbours an atom costs 12 terms an atom, not 144, and no line graph is made.

    Graphs need displacements, ``CrystalGraphTransformer(cutoff=8.0, max_neighbors=12,
    whole_shells=True, vectors=True)``: where shells are cut, equal atoms see different
    angles. Predictions do not change when a crystal is rotated or reflected.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    CoGNRegressor : Distances alone, at half the cost.

    References
    ----------
    .. [1] K. Choudhary, B. DeCost, "Atomistic Line Graph Neural Network for Improved
       Materials Property Predictions", npj Comput. Mater. 7, 185 (2021).
    .. [2] R. Ruff, P. Reiser, J. Stühmer, P. Friederich, Digital Discovery 3, 594
       (2024), arXiv:2302.14102.

    Examples
    --------
    >>> from skcrystal import AngularCoGNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = AngularCoGNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class AngularCoGNClassifier(AngularCoGNArchitecture, GNNClassifier):
    """AngularCoGN for classes: the network of `AngularCoGNRegressor`."""
