"""Graph convolutional network with edge features in messages."""

from typing import Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import gather_distances, segment_sum
from ..layers._basis import GaussianBasis, cosine_cutoff
from ._gcn import NormalizedConvolution, normalized_weights


class EdgeGCN(CrystalNetwork):
    """Graph convolutions of atoms and of the Gaussian features of their edges.

    Atoms become ``relu(b + W x_i / d_i + sum_j w_ij (W x_j + W_e e_ij))`` with weights
    ``w_ij = f_ij / sqrt(d_i d_j)`` and degrees ``d_i = 1 + sum_j f_ij``, where f falls
    from one to zero at the cutoff. Messages are linear: the contribution of edges is a
    map of one sum, which is computed once for all layers.

    Parameters
    ----------
    cutoff : float
        Distance in Å at which edge weights reach zero.
    n_basis : int
        Number of Gaussians.
    n_layers : int
        Number of convolutions.
    **shared
        See ``CrystalNetwork``.
    """

    def __init__(
        self,
        *,
        cutoff: float,
        n_basis: int,
        n_layers: int,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        # Messages are divided by the degrees of neighbours as well.
        self.hops = n_layers + 1
        hidden_dim = shared["hidden_dim"]
        self.cutoff = cutoff
        self.basis = GaussianBasis(cutoff, n_basis)
        self.convolutions = nn.ModuleList(
            NormalizedConvolution(hidden_dim) for _ in range(n_layers)
        )
        self.of_edges = nn.ModuleList(
            nn.Linear(n_basis, hidden_dim, bias=False) for _ in range(n_layers)
        )

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        envelope = cosine_cutoff(batch.distances, self.cutoff)
        envelope = envelope.index_select(0, batch.distance_class)
        loop, weight = normalized_weights(envelope, batch)
        edges = gather_distances(self.basis(batch.distances), batch) * weight[:, None]
        edges = segment_sum(edges, batch.edge_ptr, batch.target)
        x = self.elements(batch.atomic_numbers)
        for convolution, of_edges in zip(self.convolutions, self.of_edges, strict=True):
            x = dropout(F.relu(convolution(x, loop, weight, batch) + of_edges(edges)))
        return x
