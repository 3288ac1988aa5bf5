"""MEGNet with attention: encoded atoms and bonds, GATv2 message passing."""

from typing import Unpack

import torch
from torch import Tensor, nn

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._attention import attention_sum
from ..layers._basis import GaussianBasis
from ..layers._norm import make_norm
from ..layers._radial import RadialGrid, radial_grid


class EdgeAttention(nn.Module):
    """GATv2 attention [1]_ with bond features.

    Equal to ``torch_geometric.nn.GATv2Conv(..., edge_dim, add_self_loops=False)``,
    but bonds are mapped once for each distinct distance. No self-loops are added: PyG's
    way of adding them removes the edges between periodic images of one atom.

    Parameters
    ----------
    hidden_dim : int
        Width F of atom and bond features, a multiple of `n_heads`.
    n_heads : int
        Number of attention heads.
    bond_values : bool, default=False
        Whether messages contain bond features, or attention alone depends on them.

    References
    ----------
    .. [1] S. Brody, U. Alon, E. Yahav, ICLR 2022, arXiv:2105.14491.
    """

    def __init__(
        self, hidden_dim: int, n_heads: int, *, bond_values: bool = False
    ) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.bond_values = bond_values
        self.of_source = nn.Linear(hidden_dim, hidden_dim)
        self.of_center = nn.Linear(hidden_dim, hidden_dim)
        self.of_bond = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.attention = nn.Parameter(torch.empty(n_heads, hidden_dim // n_heads))
        self.bias = nn.Parameter(torch.zeros(hidden_dim))
        nn.init.xavier_uniform_(self.attention)
        for linear in (self.of_source, self.of_center, self.of_bond):
            nn.init.xavier_uniform_(linear.weight)

    def forward(
        self,
        x: Tensor,
        bond: Tensor,
        batch: GraphBatch,
        grid: RadialGrid | None = None,
    ) -> Tensor:
        """Atoms (N, F) and bonds (D, F) to messages (N, F).

        Bonds may be those of the points of a `grid`, (P, F).
        """
        bond = self.of_bond(bond)
        messages = attention_sum(
            self.of_center(x),
            self.of_source(x),
            bond if grid is None else grid.interpolate(bond),
            self.attention,
            batch,
            bond_values=self.bond_values,
        )
        return messages + self.bias


class MEGNet(CrystalNetwork):
    """Encoders for atoms and bonds, then residual attention blocks.

    Atoms are updated from the attention-weighted mean of their neighbours and bonds, as
    MEGNet updates them from the plain mean of their bonds. Its set2set readout and
    global state are left out.

    Parameters
    ----------
    cutoff : float
        Reach of the distance basis in Å.
    n_basis : int
        Number of Gaussians.
    n_layers : int
        Number of attention blocks.
    n_heads : int
        Number of attention heads.
    **shared
        See ``CrystalNetwork``.
    """

    def __init__(
        self,
        *,
        cutoff: float,
        n_basis: int,
        n_layers: int,
        n_heads: int,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        self.hops = n_layers
        hidden_dim = shared["hidden_dim"]
        self.basis = GaussianBasis(cutoff, n_basis)
        self.encode_atom = _two_layers(hidden_dim, hidden_dim)
        self.encode_bond = _two_layers(n_basis, hidden_dim)
        self.blocks = nn.ModuleList(
            _AttentionBlock(hidden_dim, n_heads, self.norm) for _ in range(n_layers)
        )

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        x = self.encode_atom(self.elements(batch.atomic_numbers))
        grid = radial_grid(batch.distances, self.basis.width)
        bond = self.encode_bond(self.basis(grid.points))
        for block in self.blocks:
            x = block(x, bond, batch, grid, dropout)
        return x


class _AttentionBlock(nn.Module):
    def __init__(self, hidden_dim: int, n_heads: int, norm: str) -> None:
        super().__init__()
        self.before_attention = make_norm(norm, hidden_dim)
        self.attention = EdgeAttention(hidden_dim, n_heads, bond_values=True)
        self.before_update = make_norm(norm, hidden_dim)
        self.update = _two_layers(hidden_dim, hidden_dim)

    def forward(
        self,
        x: Tensor,
        bond: Tensor,
        batch: GraphBatch,
        grid: RadialGrid,
        dropout: Dropout,
    ) -> Tensor:
        x = x + dropout(
            self.attention(self.before_attention(x, batch), bond, batch, grid)
        )
        return x + dropout(self.update(self.before_update(x, batch)))


def _two_layers(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, n_out), nn.SiLU(), nn.Linear(n_out, n_out))
