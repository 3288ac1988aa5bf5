"""MEGNet with attention as a regressor and as a classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import CrystalNetwork, MEGNet
from ...utils._declared import share_parameters
from ...utils._validation import Interval
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class MEGNetArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=3
        Number of attention blocks.
    n_basis : int, default=50
        Number of Gaussians in which distances are expanded.
    n_heads : int, default=4
        Number of attention heads; must divide `hidden_dim`.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_basis": [Interval(Integral, 2, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
    }

    n_basis: int = 50
    n_heads: int = 4
    lr: float = 1e-3

    def _check_shape_parameters(self) -> None:
        if self.hidden_dim % self.n_heads:
            raise ValueError(
                f"hidden_dim={self.hidden_dim} is not a multiple of "
                f"n_heads={self.n_heads}; each head takes an equal share."
            )

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return MEGNet(
            cutoff=cutoff,
            n_layers=self.n_layers,
            n_basis=self.n_basis,
            n_heads=self.n_heads,
            **shared,
        )


@share_parameters
class MEGNetRegressor(MEGNetArchitecture, GNNRegressor):
    """MEGNet in its GATv2 form: encoded atoms and bonds, attention between them.

    Atoms and bonds are encoded as in MEGNet [1]_; its update functions are replaced by
    GATv2 attention with bond features [2]_, in residual blocks.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    CGCNNRegressor : Gates in place of attention.

    References
    ----------
    .. [1] C. Chen, W. Ye, Y. Zuo, C. Zheng, S. P. Ong, "Graph Networks as a Universal
       Machine Learning Framework for Molecules and Crystals", Chem. Mater. 31, 3564
       (2019).
    .. [2] S. Brody, U. Alon, E. Yahav, "How Attentive are Graph Attention Networks?",
       ICLR 2022, arXiv:2105.14491.

    Examples
    --------
    >>> from skcrystal import MEGNetRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = MEGNetRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class MEGNetClassifier(MEGNetArchitecture, GNNClassifier):
    """MEGNet for classes: the network of `MEGNetRegressor`."""
