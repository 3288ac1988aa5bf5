"""Graph convolutional network."""

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import neighbor_sum, segment_sum
from ..layers._basis import cosine_cutoff


class NormalizedConvolution(nn.Module):
    """Mean over an atom and its neighbours, normalised by both degrees [1]_.

    ``x'_i = W (x_i / d_i + sum_j w_ij x_j / sqrt(d_i d_j)) + b``. Equal to
    ``torch_geometric.nn.GCNConv`` on edges to which one self-loop an atom was added
    by hand: by default, GCNConv takes edges between periodic images of one atom for
    self-loops and merges them.

    Parameters
    ----------
    hidden_dim : int
        Width F of the atom features.

    References
    ----------
    .. [1] T. N. Kipf, M. Welling, ICLR 2017, arXiv:1609.02907.
    """

    def __init__(self, hidden_dim: int) -> None:
        super().__init__()
        self.linear = nn.Linear(hidden_dim, hidden_dim)
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self, x: Tensor, loop: Tensor, weight: Tensor, batch: GraphBatch
    ) -> Tensor:
        """Atoms (N, F), normalised weights of loops (N,) and edges (E,) to (N, F)."""
        mixed = x * loop[:, None] + neighbor_sum(x, weight, batch)
        return self.linear(mixed)


def normalized_weights(weight: Tensor, batch: GraphBatch) -> tuple[Tensor, Tensor]:
    """Divide edge weights by the roots of the degrees of both ends.

    Parameters
    ----------
    weight : Tensor of shape (E,)
    batch : GraphBatch
        Its edge weights are multiplicities.

    Returns
    -------
    loop : Tensor of shape (N,)
        Weight of each atom's self-loop.
    weight : Tensor of shape (E,)
    """
    if batch.edge_weight is not None:
        weight = weight * batch.edge_weight
    degree = 1 + segment_sum(weight[:, None], batch.edge_ptr, batch.target)[:, 0]
    root = degree.rsqrt()
    return 1 / degree, weight * root.index_select(0, batch.target) * root.index_select(
        0, batch.neighbor
    )


class GCN(CrystalNetwork):
    """Graph convolutions with ReLU, a fast and simple baseline.

    Parameters
    ----------
    cutoff : float
        Distance in Å at which edge weights reach zero.
    edge_weight : {"distance", "uniform"}
        Weigh neighbours by a smooth function of their distance, or equally, in which
        case predictions do not depend on distances.
    n_layers : int
        Number of convolutions.
    **shared
        See ``CrystalNetwork``.
    """

    def __init__(
        self,
        *,
        cutoff: float,
        edge_weight: str,
        n_layers: int,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        # Messages are divided by the degrees of neighbours as well.
        self.hops = n_layers + 1
        self.cutoff = cutoff
        self.edge_weight = edge_weight
        self.convolutions = nn.ModuleList(
            NormalizedConvolution(shared["hidden_dim"]) for _ in range(n_layers)
        )

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        if self.edge_weight == "distance":
            weight = cosine_cutoff(batch.distances, self.cutoff)
            weight = weight.index_select(0, batch.distance_class)
        else:
            weight = torch.ones_like(batch.target, dtype=batch.distances.dtype)
        loop, weight = normalized_weights(weight, batch)
        x = self.elements(batch.atomic_numbers)
        for convolution in self.convolutions:
            # Without residual path dropout acts on features themselves: after a layer,
            # not before it as in the original, which would drop elements.
            x = dropout(F.relu(convolution(x, loop, weight, batch)))
        return x
