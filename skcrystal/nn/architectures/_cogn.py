"""Graph network with edge states, after coGN."""

from collections.abc import Callable
from typing import Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._head import ModuleList
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import gather_distances
from ..layers._basis import GaussianBasis, cosine_cutoff
from ..layers._edge_states import edge_update, gated_edge_sum
from ..layers._norm import make_norm
from ..layers._radial import radial_grid


class EdgeState(nn.Module):
    """Initial features of edges, a function of their lengths.

    Parameters
    ----------
    cutoff : float
        Reach of the distance basis in Å.
    n_basis : int
        Number of Gaussians.
    edge_dim : int
        Width K of the edge features.
    """

    def __init__(self, cutoff: float, n_basis: int, edge_dim: int) -> None:
        super().__init__()
        self.cutoff = cutoff
        width = cutoff / (n_basis - 1) / 2**0.5
        self.basis = GaussianBasis(cutoff, n_basis, width)
        self.encode = nn.Sequential(
            nn.Linear(n_basis, edge_dim), nn.SiLU(), nn.Linear(edge_dim, edge_dim)
        )

    def forward(self, batch: GraphBatch) -> Tensor:
        """Features of all edges, (E, K)."""
        grid = radial_grid(batch.distances, self.basis.width)
        states = grid.interpolate(self.encode(self.basis(grid.points)))
        return gather_distances(states, batch)

    def weights(self, batch: GraphBatch) -> Tensor:
        """Weights of edges (E,): envelope times multiplicity."""
        envelope = cosine_cutoff(batch.distances, self.cutoff)
        envelope = envelope.index_select(0, batch.distance_class)
        return envelope if batch.edge_weight is None else envelope * batch.edge_weight


class EdgeBlock(nn.Module):
    """Edge update from both atoms, then atom update from edges.

    With ``h_ij = silu(e_ij + W [x_i, x_j] + b)`` and ``m_ij = W_m h_ij + b_m``, edges
    become ``e_ij + m_ij``, and atoms
    ``x_i + silu(norm(W_u sum_j w_ij sigmoid(m_ij) * h_ij + b_u))``: the update of an
    edge is also the gate of its message. Only ``W_m`` is applied once for each edge.

    Parameters
    ----------
    hidden_dim : int
        Width F of the atom features.
    edge_dim : int
        Width K of the edge features.
    norm : {"layer", "batch"}, default="layer"
        Norm of atom updates.
    """

    def __init__(self, hidden_dim: int, edge_dim: int, norm: str = "layer") -> None:
        super().__init__()
        # One matrix, so that its initial scale is that of the joined vector.
        self.joint = nn.Linear(2 * hidden_dim, edge_dim)
        self.message = nn.Linear(edge_dim, edge_dim)
        self.update = nn.Linear(edge_dim, hidden_dim)
        self.norm = make_norm(norm, hidden_dim)

    def join(self, x: Tensor, edge: Tensor, batch: GraphBatch) -> Tensor:
        """Atoms (N, F) and edges (E, K) to hidden features of edges, (E, K)."""
        of_center, of_source = self.joint.weight.chunk(2, dim=1)
        center = F.linear(x, of_center, self.joint.bias)
        return edge_update(center, F.linear(x, of_source), edge, batch)

    def forward(
        self, h: Tensor, weight: Tensor, batch: GraphBatch
    ) -> tuple[Tensor, Tensor]:
        """Hidden features (E, K) and weights (E,) to updates of atoms and edges."""
        message = self.message(h)
        total = gated_edge_sum(h, message, weight, batch)
        return F.silu(self.norm(self.update(total), batch)), message


class CoGN(CrystalNetwork):
    """Residual updates of edges and atoms in turn, from distances alone [1]_.

    Differs from the published network in that messages are gated, have an envelope and
    are normalised per atom, as in our ``CGCNN``. And the state of an edge enters the
    hidden layer of the next block without a map: there is one matrix for each edge and
    block.

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
    **shared
        See ``CrystalNetwork``.

    References
    ----------
    .. [1] R. Ruff, P. Reiser, J. Stühmer, P. Friederich, Digital Discovery 3, 594
       (2024), arXiv:2302.14102.
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
        self.hops = n_layers
        self.edges = EdgeState(cutoff, n_basis, edge_dim)
        self.blocks = ModuleList(
            EdgeBlock(shared["hidden_dim"], edge_dim, self.norm)
            for _ in range(n_layers)
        )

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        edge = self.edges(batch)
        weight = self.edges.weights(batch)
        refine = self.refiner(batch, weight)
        last = len(self.blocks) - 1
        for i, block in enumerate(self.blocks):
            h = refine(i, block.join(x, edge, batch))
            new, message = block(h, weight, batch)
            x = x + dropout(new)
            if i < last:
                edge = edge + message
        return x

    def refiner(
        self, batch: GraphBatch, weight: Tensor
    ) -> Callable[[int, Tensor], Tensor]:
        """Update of the hidden features (E, K) in each block, by subclasses."""
        return lambda block, h: h
