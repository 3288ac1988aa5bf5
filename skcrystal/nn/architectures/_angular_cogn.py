"""Graph network with states on edges that see each other's angles."""

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
    """Edges of one atom hear of each other, by the angle between them.

    ``h_ij + W_o norm(sum_k w_ik (W_i h_ik + b_i) * f(cos theta_jik)) + b_o``, passed
    through a SiLU, where f is a combination of Legendre polynomials that is learned for
    each channel. This is a layer of message passing on the line graph, whose edges are
    pairs of bonds; none of them is ever made.

    Parameters
    ----------
    edge_dim : int
        Width K of the edge features.
    n_channels : int
        Width of what edges hear.
    l_max : int
        Largest degree of the polynomials.
    """

    def __init__(self, edge_dim: int, n_channels: int, l_max: int) -> None:
        super().__init__()
        self.into = nn.Linear(edge_dim, n_channels)
        # Were they equal at first, where all edges are alike the norm would divide out
        # what channels hear.
        self.kernel = nn.Parameter(torch.randn(l_max + 1, n_channels))
        self.norm = nn.LayerNorm(n_channels)
        self.out = nn.Linear(n_channels, edge_dim)

    def forward(self, h: Tensor, weight: Tensor, directions: Directions) -> Tensor:
        """Edges (E, K) and their weights (E,) to edges (E, K)."""
        heard = angle_sum(self.into(h) * weight[:, None], self.kernel, directions)
        return F.silu(h + self.out(self.norm(heard)))


class AngularCoGN(CoGN):
    """``CoGN`` in which edges also hear of the others of their atom, and the angles.

    Parameters
    ----------
    n_channels : int
        Width of what edges hear of each other.
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
