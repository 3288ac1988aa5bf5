"""MEGNet with attention: encoded atoms and bonds, GATv2 message passing."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._aggregate import of_distances, of_neighbors, of_targets, segment_sum
from ._basis import GaussianBasis
from ._batch import GraphBatch
from ._network import CrystalNetwork


class EdgeAttention(nn.Module):
    """GATv2 attention [1]_ with bond features.

    Equal to ``torch_geometric.nn.GATv2Conv(..., edge_dim, add_self_loops=False)``,
    but bonds are mapped once a distinct distance. No self-loops are added: PyG's way
    of adding them removes the edges between periodic images of one atom.

    Parameters
    ----------
    hidden_dim : int
        Width F of atom and bond features, a multiple of `n_heads`.
    n_heads : int
        Number of attention heads.
    bond_values : bool, default=False
        Whether bonds are part of what is summed, and not of the attention alone.

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

    def forward(self, x: Tensor, bond: Tensor, batch: GraphBatch) -> Tensor:
        """Atoms (N, F) and bonds (D, F) to messages (N, F)."""
        source = of_neighbors(self.of_source(x), batch)
        bond = of_distances(self.of_bond(bond), batch)
        both = source + bond
        z = of_targets(self.of_center(x), batch) + both
        heads = (len(z), self.n_heads, -1)
        score = (F.leaky_relu(z, 0.2).view(heads) * self.attention).sum(-1)
        alpha = softmax_over_neighbors(score, batch)
        value = both if self.bond_values else source
        messages = (value.view(heads) * alpha[:, :, None]).view_as(value)
        return segment_sum(messages, batch.edge_ptr, batch.target) + self.bias


def softmax_over_neighbors(score: Tensor, batch: GraphBatch) -> Tensor:
    """Softmax of edge scores (E, H) among the edges of each target, by edge weight."""
    with torch.no_grad():
        # Any shift leaves a softmax alone; the largest score of each atom keeps the
        # exponentials finite.
        index = batch.target.long()[:, None].expand_as(score)
        shape = (len(batch.edge_ptr) - 1, score.shape[1])
        largest = score.new_full(shape, -torch.inf).scatter_reduce_(
            0, index, score, "amax"
        )
    weight = (score - largest.index_select(0, batch.target)).exp()
    if batch.edge_weight is not None:
        weight = weight * batch.edge_weight[:, None]
    total = segment_sum(weight, batch.edge_ptr, batch.target)
    return weight / of_targets(total, batch)


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
    hidden_dim, n_targets, dropout, pooling
        See ``CrystalNetwork``.
    """

    def __init__(
        self, *, cutoff: float, n_basis: int, n_layers: int, n_heads: int, **shared
    ) -> None:
        super().__init__(**shared)
        hidden_dim = shared["hidden_dim"]
        self.basis = GaussianBasis(cutoff, n_basis)
        self.encode_atom = _two_layers(hidden_dim, hidden_dim)
        self.encode_bond = _two_layers(n_basis, hidden_dim)
        self.blocks = nn.ModuleList(
            _AttentionBlock(hidden_dim, n_heads) for _ in range(n_layers)
        )

    def atoms(self, batch: GraphBatch) -> Tensor:
        x = self.encode_atom(self.elements(batch.atomic_numbers))
        bond = self.encode_bond(self.basis(batch.distances))
        for block in self.blocks:
            x = block(x, bond, batch)
        return x


class _AttentionBlock(nn.Module):
    def __init__(self, hidden_dim: int, n_heads: int) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(hidden_dim)
        self.attention = EdgeAttention(hidden_dim, n_heads, bond_values=True)
        self.before_update = nn.LayerNorm(hidden_dim)
        self.update = _two_layers(hidden_dim, hidden_dim)

    def forward(self, x: Tensor, bond: Tensor, batch: GraphBatch) -> Tensor:
        x = x + self.attention(self.before_attention(x), bond, batch)
        return x + self.update(self.before_update(x))


def _two_layers(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, n_out), nn.SiLU(), nn.Linear(n_out, n_out))
