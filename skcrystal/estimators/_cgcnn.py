"""CGCNN as an estimator."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ..nn import CGCNN, CrystalNetwork
from ..utils._validation import Interval
from ._base import GNNRegressor
from ._parameters import share_parameters


@share_parameters
class CGCNNRegressor(GNNRegressor):
    """Crystal graph convolutional network.

    Gated convolutions weigh each neighbour by what both atoms and their distance say
    [1]_. The published graph is ``CrystalGraphTransformer(cutoff=8.0,
    max_neighbors=12)``. Messages fade out towards the cutoff, and their sums are
    normalised per atom rather than over the edges of a batch, so that a prediction
    depends on its crystal alone.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=3
        Number of gated convolutions.
    n_basis : int, default=41
        Number of Gaussians in which distances are expanded.
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

    _parameter_constraints: ClassVar[dict[str, list]] = {
        **GNNRegressor._parameter_constraints,
        "n_basis": [Interval(Integral, 2, None, closed="left")],
    }

    def __init__(self, *, n_basis: int = 41, **shared: Any) -> None:
        super().__init__(**shared)
        self.n_basis = n_basis

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return CGCNN(
            cutoff=cutoff, n_layers=self.n_layers, n_basis=self.n_basis, **shared
        )
