"""Graph attention over edges that have states of their own."""

from typing import Unpack

from torch import Tensor, nn

from .._batch import GraphBatch
from .._dropout import Drop, keep
from .._network import CrystalNetwork, NetworkParameters
from ..layers._edge_attention import EdgeAttentionBlock
from ._cogn import EdgeState


class EGAT(CrystalNetwork):
    """Attention over edges whose states start from their lengths.

    Differs from a stack of ``EGATConv`` in these points. Edges count less in the
    softmax towards the cutoff, by a cosine, so that a neighbour that crosses it changes
    nothing, unless no other one is left: shares add up to one, however small all
    weights are. Atoms hear of the states of edges too, if `edge_values`. Sums are
    normalised per atom, and pass a SiLU before heads are mixed. Atoms and edges keep
    residual paths. And heads share the width instead of having it each, which takes an
    eighth of the time of eight heads.

    Parameters
    ----------
    cutoff : float
        Reach of the distance basis in Å.
    n_basis : int
        Number of Gaussians.
    edge_dim : int
        Width of the edge features.
    n_layers : int
        Number of blocks.
    n_heads : int
        Attention heads of the first block; see ``heads_of_layers``.
    edge_values : bool
        Whether edges are part of what atoms hear, or decide on attention alone.
    **shared
        See ``CrystalNetwork``.
    """

    def __init__(
        self,
        *,
        cutoff: float,
        n_basis: int,
        edge_dim: int,
        n_layers: int,
        n_heads: int,
        edge_values: bool,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        self.hops = n_layers
        self.edges = EdgeState(cutoff, n_basis, edge_dim)
        self.blocks = nn.ModuleList(
            EdgeAttentionBlock(
                shared["hidden_dim"],
                edge_dim,
                heads,
                edge_values=edge_values,
                norm=self.norm,
            )
            for heads in heads_of_layers(n_heads, n_layers)
        )

    def atoms(self, batch: GraphBatch, drop: Drop = keep) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        edge = self.edges(batch)
        weight = self.edges.weights(batch)
        for block in self.blocks:
            x, edge = block(x, edge, batch, weight, drop)
        return x


def heads_of_layers(n_heads: int, n_layers: int) -> list[int]:
    """Heads of each layer: half as many as of the last one, while that is whole."""
    heads = [n_heads]
    while len(heads) < n_layers:
        heads.append(heads[-1] // 2 if heads[-1] % 2 == 0 else heads[-1])
    return heads
