"""DimeNet++ as a regressor and as a classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import CrystalNetwork, DimeNetPlusPlus
from ...utils._declared import share_parameters
from ...utils._validation import Interval
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class DimeNetPlusPlusArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the messages and of the atom features. Published are 128.
    n_layers : int, default=4
        Number of interaction blocks.
    n_radial : int, default=6
        Number of radial functions.
    n_spherical : int, default=7
        Number of angular momenta, from 0: how sharply angles are resolved.
    triplet_dim : int, default=32
        Width of messages where they are summed over triplets of atoms. Published are
        64.
    """

    _needs_vectors = True
    # Messages carry directions on from atom to atom, and those of a merged atom are of
    # one of its copies.
    _reads_merged = False

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_radial": [Interval(Integral, 1, None, closed="left")],
        "n_spherical": [Interval(Integral, 2, 10, closed="both")],
        "triplet_dim": [Interval(Integral, 1, None, closed="left")],
    }

    n_layers: int = 4
    n_radial: int = 6
    n_spherical: int = 7
    triplet_dim: int = 32
    lr: float = 1e-3

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return DimeNetPlusPlus(
            cutoff=cutoff,
            n_radial=self.n_radial,
            n_spherical=self.n_spherical,
            triplet_dim=self.triplet_dim,
            n_layers=self.n_layers,
            **shared,
        )


@share_parameters
class DimeNetPlusPlusRegressor(DimeNetPlusPlusArchitecture, GNNRegressor):
    """DimeNet++: messages between edges by the angle that they enclose.

    Each edge has a state, which is updated by those of the edges that lead to where it
    starts, by their lengths and the angles that they enclose with it [1]_. Angles are
    summed exactly by their moments, so that the cost is that of edges, not of triplets
    of atoms; states of edges make it the most expensive network here all the same. It
    reads graphs of every site, ``CrystalGraphTransformer(reduce=None, vectors=True)``.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    AngularCoGNRegressor : Sees angles too, on merged graphs; cheaper.

    References
    ----------
    .. [1] J. Gasteiger, S. Giri, J. T. Margraf, S. Günnemann, "Fast and
       Uncertainty-Aware Directional Message Passing for Non-Equilibrium Molecules",
       arXiv:2011.14115 (2020).

    Examples
    --------
    >>> from skcrystal import DimeNetPlusPlusRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = DimeNetPlusPlusRegressor(
    ...     hidden_dim=16, n_layers=2, max_epochs=1, random_state=0
    ... ).fit(X[:32], y[:32])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class DimeNetPlusPlusClassifier(DimeNetPlusPlusArchitecture, GNNClassifier):
    """DimeNet++ for classes: the network of `DimeNetPlusPlusRegressor`."""
