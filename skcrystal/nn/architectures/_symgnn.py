"""SymGNN: attention over edges whose features are averaged over transformations."""

from __future__ import annotations

from typing import Unpack

from torch import Tensor, nn

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._basis import cosine_cutoff
from ..layers._edge_attention import EdgeAttentionBlock
from ..layers._symmetrization import (
    EulerTransformations,
    HaarTransformations,
    SymmetrizedEdges,
    Untransformed,
)
from ._egat import heads_of_layers

# Names of the distributions that transformations can be drawn from
TRANSFORMATIONS = {"haar": HaarTransformations, "learned": EulerTransformations}


class SymGNN(CrystalNetwork):
    """Attention over edges whose states start from their displacements [1]_.

    Initial features of an edge are means over transformations of a perceptron of its
    transformed displacement, see ``SymmetrizedEdges``; the rest is ``EGAT``, and
    differs from the published network as that does from ``EGATConv``. Further
    differences: means over transformations instead of sums, so that their number may
    differ between training and predictions; SiLU instead of ReLU; and no normalisation
    of edges.

    Parameters
    ----------
    cutoff : float
        Distance in Å at which edge weights reach zero.
    n_layers : int
        Number of blocks.
    n_heads : int
        Attention heads of the first block; see ``heads_of_layers``.
    edge_values : bool
        Whether messages contain edge features, or attention alone depends on them.
    transformations : {"haar", "learned"} or None
        Their distribution: uniform, or learned; or none.
    n_transformations, n_predict_transformations : int
        Their number in training and otherwise.
    **shared
        See ``CrystalNetwork``.

    References
    ----------
    .. [1] H. Li, S. Zhang, L. Tang, M. Bauchy, Y. Sun, ICML 2024, arXiv:2401.08627.
    """

    def __init__(
        self,
        *,
        cutoff: float,
        n_layers: int,
        n_heads: int,
        edge_values: bool,
        transformations: str | None,
        n_transformations: int,
        n_predict_transformations: int,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        self.hops = n_layers
        self.cutoff = cutoff
        hidden_dim = shared["hidden_dim"]
        drawn = (
            Untransformed()
            if transformations is None
            else TRANSFORMATIONS[transformations](
                n_transformations, n_predict_transformations
            )
        )
        self.edges = SymmetrizedEdges(drawn, hidden_dim, cutoff)
        self.blocks = nn.ModuleList(
            EdgeAttentionBlock(
                hidden_dim,
                hidden_dim,
                heads,
                edge_values=edge_values,
                norm=self.norm,
            )
            for heads in heads_of_layers(n_heads, n_layers)
        )

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        edge = self.edges(batch)
        weight = cosine_cutoff(batch.distances, self.cutoff)
        weight = weight.index_select(0, batch.distance_class)
        if batch.edge_weight is not None:
            weight = weight * batch.edge_weight
        for block in self.blocks:
            x, edge = block(x, edge, batch, weight, dropout)
        return x
