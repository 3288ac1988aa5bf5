"""Perceptron on local features as a regressor and as a classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import CrystalNetwork, LocalMLP
from ...utils._declared import share_parameters
from ...utils._validation import Interval
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class LocalMLPArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the hidden layers.
    n_layers : int, default=3
        Number of hidden layers.
    n_basis : int, default=32
        Number of Gaussians in which distances are expanded.
    n_channels : int, default=8
        Number of histograms, each of which weighs elements by other learned numbers.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_basis": [Interval(Integral, 2, None, closed="left")],
        "n_channels": [Interval(Integral, 1, None, closed="left")],
    }

    n_basis: int = 32
    n_channels: int = 8

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return LocalMLP(
            cutoff=cutoff,
            n_basis=self.n_basis,
            n_channels=self.n_channels,
            n_layers=self.n_layers,
            **shared,
        )


@share_parameters
class LocalMLPRegressor(LocalMLPArchitecture, GNNRegressor):
    """Multilayer perceptron on an atom and its neighbours: no message passing.

    An atom is described by its element and by smooth histograms of the distances to
    its neighbours, in which each neighbour is weighted by a learned number of its
    element: radial symmetry functions weighted by element [1]_, with weights that are
    learned. The gain of message passing is measured against it. The perceptron among
    the baselines of SymGNN [2]_ sees the element alone, which in a glass of two
    elements is hardly anything.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    SchNetRegressor : Passes messages over several shells of neighbours.

    References
    ----------
    .. [1] M. Gastegger, L. Schwiedrzik, M. Bittermann, F. Berzsenyi, P. Marquetand,
       "wACSF - Weighted atom-centered symmetry functions as descriptors in machine
       learning potentials", J. Chem. Phys. 148, 241709 (2018).
    .. [2] H. Li, S. Zhang, L. Tang, M. Bauchy, Y. Sun, "Predicting and Interpreting
       Energy Barriers of Metallic Glasses with Graph Neural Networks", ICML 2024,
       arXiv:2401.08627.

    Examples
    --------
    >>> from skcrystal import LocalMLPRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = LocalMLPRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class LocalMLPClassifier(LocalMLPArchitecture, GNNClassifier):
    """LocalMLP for classes: the network of `LocalMLPRegressor`."""
