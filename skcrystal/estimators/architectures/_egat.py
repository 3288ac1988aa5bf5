"""EGAT as a regressor and as a classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import EGAT, CrystalNetwork
from ...utils._declared import share_parameters
from ...utils._validation import Interval
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class EGATArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=64
        Width of the atom features.
    n_layers : int, default=4
        Number of attention blocks.
    n_basis : int, default=41
        Number of Gaussians in which distances are expanded.
    edge_dim : int, default=32
        Width of the edge features, which decides the cost.
    n_heads : int, default=8
        Attention heads of the first block; must divide `hidden_dim` and `edge_dim`.
        Each further block has half as many, as long as that is a whole number: 8, 4, 2
        and 1 of four.
    edge_values : bool, default=True
        Whether atoms aggregate the states of edges too, by attention. As published,
        they aggregate neighbours alone, and edges give the attention.
    """

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_basis": [Interval(Integral, 2, None, closed="left")],
        "edge_dim": [Interval(Integral, 1, None, closed="left")],
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "edge_values": ["boolean"],
    }

    n_layers: int = 4
    n_basis: int = 41
    edge_dim: int = 32
    n_heads: int = 8
    edge_values: bool = True

    def _check_shape_parameters(self) -> None:
        for name in ("hidden_dim", "edge_dim"):
            width = getattr(self, name)
            if width % self.n_heads:
                raise ValueError(
                    f"{name}={width} is not a multiple of n_heads={self.n_heads}; each "
                    "head takes an equal share."
                )

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return EGAT(
            cutoff=cutoff,
            n_basis=self.n_basis,
            edge_dim=self.edge_dim,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            edge_values=self.edge_values,
            **shared,
        )


@share_parameters
class EGATRegressor(EGATArchitecture, GNNRegressor):
    """Graph attention with states on edges, which start from their lengths.

    A block updates each edge from its state and both its atoms; the new state gives the
    attention of its atom to the neighbour [1]_. An envelope brings the attention to
    zero at the cutoff. SymGNN [2]_ is this network on other edges, and has it
    as a baseline.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    MEGNetRegressor : Attention with bonds that stay as they are.
    CoGNRegressor : States on edges, with gates in place of attention.

    References
    ----------
    .. [1] K. Kamiński et al., "Rossmann-toolbox: a deep learning-based protocol for the
       prediction and design of cofactor specificity in Rossmann fold proteins",
       Briefings in Bioinformatics 23, bbab371 (2022).
    .. [2] H. Li, S. Zhang, L. Tang, M. Bauchy, Y. Sun, "Predicting and Interpreting
       Energy Barriers of Metallic Glasses with Graph Neural Networks", ICML 2024,
       arXiv:2401.08627.

    Examples
    --------
    >>> from skcrystal import EGATRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = EGATRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class EGATClassifier(EGATArchitecture, GNNClassifier):
    """EGAT for classes: the network of `EGATRegressor`."""
