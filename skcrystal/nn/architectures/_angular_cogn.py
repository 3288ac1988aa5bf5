"""Graph network with edge states and message passing between edges by angles."""

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._network import NetworkParameters
from ..layers._angles import Directions, angle_sum
from ._cogn import CoGN


class EdgeToEdge(nn.Module):
    """Message passing between the edges of an atom by the angles between them.

    ``h_ij + W_o norm(sum_k w_ik (W_i h_ik + b_i) * f(cos theta_jik)) + b_o``, passed
    through a SiLU, where f is a learned combination of Legendre polynomials for each
    channel. This is message passing on the line graph, whose edges are pairs of bonds,
    without building it.

    Parameters
    ----------
    edge_dim : int
        Width K of the edge features.
    n_channels : int
        Width of messages between edges.
    l_max : int
        Largest degree of the polynomials.
    """

    def __init__(self, edge_dim: int, n_channels: int, l_max: int) -> None:
        super().__init__()
        self.into = nn.Linear(edge_dim, n_channels)
        # Random: from equal values the norm would divide out the messages where all
        # edges are equal.
        self.kernel = nn.Parameter(torch.randn(l_max + 1, n_channels))
        self.norm = nn.LayerNorm(n_channels)
        self.out = nn.Linear(n_channels, edge_dim)

    def forward(self, h: Tensor, weight: Tensor, directions: Directions) -> Tensor:
        """Edges (E, K) and their weights (E,) to edges (E, K)."""
        aggregated = angle_sum(self.into(h) * weight[:, None], self.kernel, directions)
        return F.silu(h + self.out(self.norm(aggregated)))


class AngularCoGN(CoGN):
    """``CoGN`` with message passing between the edges of an atom by angles.

    Parameters
    ----------
    n_channels : int
        Width of messages between edges.
    l_max : int
        Largest degree of Legendre polynomials in the angle.
    cutoff, n_basis, edge_dim, n_layers
        See ``CoGN``.
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
        n_channels: int,
        l_max: int,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(
            cutoff=cutoff,
            n_basis=n_basis,
            edge_dim=edge_dim,
            n_layers=n_layers,
            **shared,
        )
        self.l_max = l_max
        self.between = nn.ModuleList(
            EdgeToEdge(edge_dim, n_channels, l_max) for _ in self.blocks
        )

    def refiner(
        self, batch: GraphBatch, weight: Tensor
    ) -> Callable[[int, Tensor], Tensor]:
        directions = Directions.of(batch, self.l_max)
        return lambda block, h: self.between[block](h, weight, directions)
