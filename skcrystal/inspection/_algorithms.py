"""Attribution by gradients of masks, as an algorithm of PyG's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.explain import Explanation, GNNExplainer
from torch_geometric.explain.algorithm import ExplainerAlgorithm
from torch_geometric.explain.algorithm.utils import clear_masks, set_masks

# Points of the path lie close where it starts: layers that normalise aggregated
# messages amplify faint ones, and change within the first hundredth.
_POWER = 3


class MaskGradients(ExplainerAlgorithm):
    """Share of each atom and edge in the explained value, by gradients of their masks.

    Either the gradient where all masks are one, or its mean over a path on which masks
    grow together from zero to one: integrated gradients [1]_, which add up to the
    explained value less its value at the start of the path. Masks of atoms and those of
    edges take their paths one after the other, the other ones being one.

    Parameters
    ----------
    n_steps : int or None, default=None
        Points on the path, of Gauss-Legendre quadrature; None takes its end alone.

    References
    ----------
    .. [1] M. Sundararajan, A. Taly, Q. Yan, ICML 2017, arXiv:1703.01365.
    """

    def __init__(self, n_steps: int | None = None) -> None:
        super().__init__()
        self.n_steps = n_steps

    def forward(
        self,
        model: torch.nn.Module,
        x: Tensor,
        edge_index: Tensor,
        *,
        target: Tensor,
        index: int | Tensor | None = None,
        **kwargs: Tensor,
    ) -> Explanation:
        """Attribute the sum of the model's outputs; of rows `index` if it is given.

        Parameters are those of PyG's algorithms; `target` is not looked at.
        """

        def explained(x: Tensor) -> Tensor:
            values = model(x, edge_index, **kwargs)
            return (values if index is None else values[index]).sum()

        def of_edges(mask: Parameter) -> Tensor:
            set_masks(model, mask, edge_index, apply_sigmoid=False)
            return explained(x)

        edge_mask = self._integrate(of_edges, x.new_ones(edge_index.shape[1]))
        clear_masks(model)
        node_mask = self._integrate(
            lambda mask: explained(x * mask), x.new_ones(len(x), 1)
        )
        return Explanation(node_mask=node_mask, edge_mask=edge_mask)

    def supports(self) -> bool:
        return True

    def _integrate(
        self, explained: Callable[[Parameter], Tensor], ones: Tensor
    ) -> Tensor:
        """Mean gradient over the path from zeros to `ones`."""
        total = torch.zeros_like(ones, dtype=torch.double)
        for place, weight in self._points():
            mask = Parameter(place * ones)
            (gradient,) = torch.autograd.grad(explained(mask), mask)
            total += weight * gradient
        return total

    def _points(self) -> list[tuple[float, float]]:
        """Points of the path, from 0 to 1, and their weights."""
        if self.n_steps is None:
            return [(1.0, 1.0)]
        t, weight = np.polynomial.legendre.leggauss(self.n_steps)
        t = (t + 1) / 2
        place, slope = t**_POWER, _POWER * t ** (_POWER - 1)
        return list(zip(place.tolist(), (weight / 2 * slope).tolist(), strict=True))


# GNNExplainer for crystals.


# Of means over masks, where the explained value is scaled to one. Chosen by how well
# masks find edges of which the target was made, see docs/explanation.md. PyG's costs
# are for sums over edges, of which crystals have hundreds, and hide the prediction; and
# a cost of entropy holds up masks that were needed only while others were low.
_COSTS = {
    "edge_size": 0.05,
    "edge_reduction": "mean",
    "edge_ent": 0.0,
    "node_feat_size": 0.05,
    "node_feat_reduction": "mean",
    "node_feat_ent": 0.0,
}


class SteadyGNNExplainer(GNNExplainer):
    """PyG's, with masks that all start from one half.

    PyG draws them at random, more widely the fewer nodes a graph has. Here equal atoms
    stay equal, and a model has one explanation.

    Parameters
    ----------
    n_steps : int
        Steps of gradient descent.
    """

    def __init__(self, n_steps: int) -> None:
        super().__init__(epochs=n_steps, lr=0.05, **_COSTS)

    def _initialize_masks(self, x: Tensor, edge_index: Tensor) -> None:
        # A sigmoid follows.
        self.node_mask = Parameter(torch.zeros_like(x))
        self.edge_mask = Parameter(x.new_zeros(edge_index.shape[1]))
