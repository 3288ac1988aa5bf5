"""SchNet as a regressor and as a classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import CrystalNetwork, SchNet
from ...utils._declared import share_parameters
from ...utils._validation import Interval
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class SchNetArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=3
        Number of interaction blocks.
    n_basis : int, default=50
        Number of Gaussians in which distances are expanded.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_basis": [Interval(Integral, 2, None, closed="left")],
    }

    n_basis: int = 50

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return SchNet(
            cutoff=cutoff, n_layers=self.n_layers, n_basis=self.n_basis, **shared
        )


@share_parameters
class SchNetRegressor(SchNetArchitecture, GNNRegressor):
    """SchNet: continuous-filter convolutions.

    A small network turns each distance into a filter, by which the features of a
    neighbour are multiplied [1]_. Filters fall to zero at the cutoff, so predictions
    change smoothly as atoms move.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    CGCNNRegressor : Messages that also depend on the receiving atom.

    References
    ----------
    .. [1] K. T. Schütt, H. E. Sauceda, P.-J. Kindermans, A. Tkatchenko, K.-R. Müller,
       "SchNet - A deep learning architecture for molecules and materials", J. Chem.
       Phys. 148, 241722 (2018).

    Examples
    --------
    >>> from skcrystal import SchNetRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = SchNetRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class SchNetClassifier(SchNetArchitecture, GNNClassifier):
    """SchNet for classes: the network of `SchNetRegressor`."""
