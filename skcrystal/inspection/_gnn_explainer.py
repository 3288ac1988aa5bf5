"""GNNExplainer for crystals."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Parameter
from torch_geometric.explain import GNNExplainer

# Of means over masks, where what is explained is scaled to one. Chosen by how well
# masks find edges of which the target was made, see docs/explanation.md. PyG's costs
# are for sums over edges, of which crystals have hundreds, and hide the prediction; and
# a cost of entropy keeps up masks that were needed only as long as others were low.
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
