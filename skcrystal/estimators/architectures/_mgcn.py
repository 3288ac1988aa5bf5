"""Multilevel graph convolutions as a regressor and as a classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import MGCN, CrystalNetwork
from ...utils._declared import share_parameters
from ...utils._validation import Interval
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class MGCNArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features, and of those of pairs of elements.
    n_layers : int, default=3
        Number of levels after the first, which is the elements.
    n_basis : int, default=50
        Number of Gaussians in which distances are expanded.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_basis": [Interval(Integral, 2, None, closed="left")],
    }

    n_basis: int = 50

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return MGCN(
            cutoff=cutoff, n_layers=self.n_layers, n_basis=self.n_basis, **shared
        )


@share_parameters
class MGCNRegressor(MGCNArchitecture, GNNRegressor):
    """MGCN: filters of distance, states of pairs of elements, all levels read out.

    The message of a neighbour is its features multiplied by a filter of the distance,
    and a state of the pair of elements. Each layer reaches one shell of
    neighbours further, and all of them are read out side by side [1]_.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    SchNetRegressor : The filters alone; reads the last layer out.

    References
    ----------
    .. [1] C. Lu, Q. Liu, C. Wang, Z. Huang, P. Lin, L. He, "Molecular Property
       Prediction: A Multilevel Quantum Interactions Modeling Perspective", AAAI 33,
       1052 (2019), arXiv:1906.11081.

    Examples
    --------
    >>> from skcrystal import MGCNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = MGCNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class MGCNClassifier(MGCNArchitecture, GNNClassifier):
    """MGCN for classes: the network of `MGCNRegressor`."""
