"""Message passing network with a matrix for each distance."""

from __future__ import annotations

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import gather_distances, gather_sources
from ..layers._basis import GaussianBasis, cosine_cutoff
from ..layers._padding import pad_edges
from ..layers._radial import radial_grid


class EdgeNetwork(nn.Module):
    """Messages by a matrix for each distance, ``m_i = sum_j W(d_ij)^T x_j``.

    ``W(d) = B + sum_h a_h(d) W_h``, with features a of the distance from a hidden layer
    [1]_. Equal to ``torch_geometric.nn.NNConv`` of that edge network, with sums and
    without a root weight; but no edge has a matrix: as sums and linear maps commute,
    messages are ``m_i = sum_h W_h^T (sum_j a_h(d_ij) x_j)``, which takes memory for H
    rows of each atom instead of F of each edge.

    Parameters
    ----------
    hidden_dim : int
        Width F of the atom features.
    edge_dim : int
        Width H of the hidden layer.
    n_basis : int
        Width of the distance basis.

    References
    ----------
    .. [1] J. Gilmer et al., ICML 2017, arXiv:1704.01212.
    """

    def __init__(self, hidden_dim: int, edge_dim: int, n_basis: int) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.hidden = nn.Sequential(nn.Linear(n_basis, edge_dim), nn.SiLU())
        self.matrices = nn.Linear(edge_dim, hidden_dim**2)

    def filters(self) -> Tensor:
        """The matrices as one, ((H + 1) F, F): B comes last."""
        square = (self.hidden_dim, self.hidden_dim, -1)
        weight = torch.cat([self.matrices.weight, self.matrices.bias[:, None]], dim=1)
        return weight.view(square).permute(2, 0, 1).flatten(0, 1)

    def forward(self, x: Tensor, features: Tensor, batch: GraphBatch) -> Tensor:
        """Atoms (N, F) and weighted features of edges (N, K, H + 1) to messages (N, F).

        The batch is that of `pad_edges`, with K edges an atom.
        """
        n, k, _ = features.shape
        neighbors = gather_sources(x, batch).view(n, k, -1)
        sums = torch.bmm(features.transpose(1, 2), neighbors.to(features.dtype))
        return sums.flatten(1) @ self.filters()


class MPNN(CrystalNetwork):
    """Steps of one message function and one gated recurrent unit, after [1]_.

    Messages have an envelope that falls to zero at the cutoff and are normalised per
    atom, so that their scale does not depend on the number of neighbours.

    Parameters
    ----------
    cutoff : float
        Distance in Å at which messages reach zero.
    n_basis : int
        Number of Gaussians.
    edge_dim : int
        Width of the hidden layer of the edge network, which decides the cost.
    n_layers : int
        Number of steps.
    **shared
        See ``CrystalNetwork``.

    References
    ----------
    .. [1] J. Gilmer et al., ICML 2017, arXiv:1704.01212.
    """

    def __init__(
        self,
        *,
        cutoff: float,
        n_basis: int,
        edge_dim: int,
        n_layers: int,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        hidden_dim = shared["hidden_dim"]
        self.hops = self.n_layers = n_layers
        self.cutoff = cutoff
        self.basis = GaussianBasis(cutoff, n_basis)
        self.message = EdgeNetwork(hidden_dim, edge_dim, n_basis)
        self.message_norm = self.make_norm()
        self.update = nn.GRUCell(hidden_dim, hidden_dim)

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        padded = pad_edges(batch)
        features = self.edge_features(padded)
        for _ in range(self.n_layers):
            message = F.silu(
                self.message_norm(self.message(x, features, padded), batch)
            )
            x = x + dropout(self.update(message, x) - x)
        return x

    def edge_features(self, padded: GraphBatch) -> Tensor:
        """Features of the edge network, and a one, times edge weights."""
        assert padded.edge_weight is not None  # zero for padding
        grid = radial_grid(padded.distances, self.basis.width)
        hidden = grid.interpolate(self.message.hidden(self.basis(grid.points)))
        of_each = torch.cat([hidden, torch.ones_like(hidden[:, :1])], dim=1)
        # Not interpolated: its curvature jumps at the cutoff.
        of_each = of_each * cosine_cutoff(padded.distances, self.cutoff)[:, None]
        edges = gather_distances(of_each, padded) * padded.edge_weight[:, None]
        return edges.view(len(padded.atomic_numbers), -1, edges.shape[1])
