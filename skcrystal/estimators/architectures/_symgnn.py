"""SymGNN as a regressor and as a classifier."""

from __future__ import annotations

from numbers import Integral
from typing import Any, ClassVar

from ...nn import CrystalNetwork, SymGNN
from ...nn.architectures._symgnn import TRANSFORMATIONS
from ...utils._declared import share_parameters
from ...utils._validation import Interval, StrOptions
from .._base import GNNEstimator
from .._classifier import GNNClassifier
from .._regressor import GNNRegressor


class SymGNNArchitecture(GNNEstimator):
    """Parameters of the architecture, and the network that they describe.

    Parameters
    ----------
    hidden_dim : int, default=32
        Width of the features of atoms and edges.
    n_layers : int, default=4
        Number of attention blocks.
    n_heads : int, default=8
        Attention heads of the first block; must divide `hidden_dim`. Each further block
        has half as many, as long as that is a whole number: 8, 4, 2 and 1 of four.
    edge_values : bool, default=True
        Whether atoms aggregate the states of edges too, by attention. As published,
        they aggregate neighbours alone, and edges give the attention.
    transformations : {"haar", "learned"} or None, default="haar"
        Distribution of the rotations and reflections over which edge features are
        averaged. ``"haar"``: each as likely as any other, so that predictions are
        invariant up to the error of a finite average. ``"learned"``: by
        three angles whose distribution is learned, as published; invariant for none but
        a uniform one. None: directions are seen as they are.
    n_transformations : int, default=12
        Their number in training, drawn anew for each crystal and step. Multiples of 60,
        12 and 4 lie most evenly.
    n_predict_transformations : int, default=60
        Their number in predictions, which are all made with the same ones.
    """

    _needs_vectors = True
    # A merged edge has the direction of one of several.
    _reads_merged = False

    _parameter_constraints: ClassVar[dict[str, list]] = {
        "n_heads": [Interval(Integral, 1, None, closed="left")],
        "edge_values": ["boolean"],
        "transformations": [StrOptions(set(TRANSFORMATIONS)), None],
        "n_transformations": [Interval(Integral, 1, None, closed="left")],
        "n_predict_transformations": [Interval(Integral, 1, None, closed="left")],
    }

    hidden_dim: int = 32
    n_layers: int = 4
    n_heads: int = 8
    edge_values: bool = True
    transformations: str | None = "haar"
    n_transformations: int = 12
    n_predict_transformations: int = 60

    def _check_shape_parameters(self) -> None:
        if self.hidden_dim % self.n_heads:
            raise ValueError(
                f"hidden_dim={self.hidden_dim} is not a multiple of "
                f"n_heads={self.n_heads}; each head takes an equal share."
            )

    def _make_network(self, *, cutoff: float, **shared: Any) -> CrystalNetwork:
        return SymGNN(
            cutoff=cutoff,
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            edge_values=self.edge_values,
            transformations=self.transformations,
            n_transformations=self.n_transformations,
            n_predict_transformations=self.n_predict_transformations,
            **shared,
        )


@share_parameters
class SymGNNRegressor(SymGNNArchitecture, GNNRegressor):
    """Graph attention on displacements, averaged over rotations and reflections.

    The initial state of an edge is the mean of a perceptron over transformations of its
    displacement; then blocks of attention update edges and atoms in turn
    [1]_. Made for energy barriers of atoms in metallic glasses, with
    ``target_level="atom"``.

    Predictions are invariant in expectation, not exactly. As a crystal turned, those of
    a briefly trained model moved by 0.006 %% of their standard deviation over crystals,
    root mean square, and those of a glass by 0.2 %% of that over its atoms; with 12
    transformations in place of 60, by 0.1 %% and 3 %%.

    Parameters
    ----------
    %(parameters)s

    Attributes
    ----------
    %(attributes)s

    See Also
    --------
    EGATRegressor : The same on distances: exactly invariant, and learns faster.
    AngularCoGNRegressor : Sees angles, and is exactly invariant.

    References
    ----------
    .. [1] H. Li, S. Zhang, L. Tang, M. Bauchy, Y. Sun, "Predicting and Interpreting
       Energy Barriers of Metallic Glasses with Graph Neural Networks", ICML 2024,
       arXiv:2401.08627.

    Examples
    --------
    >>> from skcrystal import SymGNNRegressor
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> X, y = load_pbe_prototypes(return_X_y=True)
    >>> model = SymGNNRegressor(max_epochs=2, random_state=0).fit(X[:64], y[:64])
    >>> model.predict(X[:3]).shape
    (3, 2)
    """


@share_parameters
class SymGNNClassifier(SymGNNArchitecture, GNNClassifier):
    """SymGNN for classes: the network of `SymGNNRegressor`."""
