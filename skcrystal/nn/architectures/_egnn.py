"""E(n)-equivariant network, which may displace atoms in its layers."""

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._head import ModuleList
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import (
    gather_distances,
    gather_sources,
    gather_targets,
    segment_sum,
)
from ..layers._basis import cosine_cutoff
from ..layers._edge_states import edge_update
from ..layers._norm import make_norm

_FIRST_SHIFT = 1e-3  # gain of the map to shifts, which are small at first


class EquivariantLayer(nn.Module):
    """One layer of an E(n)-equivariant network [1]_, on displacements.

    With ``m_ij = silu(W_m silu(W [x_i, x_j, d_ij^2] + b) + b_m)``, atoms become
    ``x_i + phi_h([x_i, norm(sum_j w_ij m_ij)])`` and move by
    ``dr_i = -sum_j w_ij r_ij phi_r(m_ij) / (1 + sum_j w_ij)``, where r_ij leads from i
    to j. In a crystal an atom has no one position but a displacement to each
    neighbour, and these become ``r_ij + dr_j - dr_i``.

    Parameters
    ----------
    hidden_dim : int
        Width F of atom features and messages.
    moves : bool
        Whether the layer moves atoms.
    norm : {"layer", "batch"}, default="layer"
        Norm of aggregated messages.

    References
    ----------
    .. [1] V. G. Satorras, E. Hoogeboom, M. Welling, ICML 2021, arXiv:2102.09844.
    """

    def __init__(self, hidden_dim: int, *, moves: bool, norm: str = "layer") -> None:
        super().__init__()
        # One matrix, so that its initial scale is that of the joined vector.
        self.joint = nn.Linear(2 * hidden_dim + 1, hidden_dim)
        self.message = nn.Linear(hidden_dim, hidden_dim)
        self.norm = make_norm(norm, hidden_dim)
        self.update = nn.Sequential(
            nn.Linear(2 * hidden_dim, hidden_dim),
            nn.SiLU(),
            nn.Linear(hidden_dim, hidden_dim),
        )
        self.shift: nn.Sequential | None = None
        if moves:
            last = nn.Linear(hidden_dim, 1, bias=False)
            nn.init.xavier_uniform_(last.weight, gain=_FIRST_SHIFT)
            self.shift = nn.Sequential(
                nn.Linear(hidden_dim, hidden_dim), nn.SiLU(), last
            )

    def messages(self, x: Tensor, square: Tensor, batch: GraphBatch) -> Tensor:
        """Atoms (N, F) and squared distances (E, 1) to messages (E, F)."""
        width = x.shape[1]
        of_center, of_source, of_square = self.joint.weight.split([width, width, 1], 1)
        center = F.linear(x, of_center, self.joint.bias)
        h = edge_update(
            center, F.linear(x, of_source), F.linear(square, of_square), batch
        )
        return F.silu(self.message(h))

    def features(
        self, x: Tensor, message: Tensor, weight: Tensor, batch: GraphBatch
    ) -> Tensor:
        """Updates (N, F) of atoms from messages (E, F) of weights (E,)."""
        total = segment_sum(message * weight[:, None], batch.edge_ptr, batch.target)
        return self.update(torch.cat([x, self.norm(total, batch)], dim=1))

    def displace(
        self, vector: Tensor, message: Tensor, weight: Tensor, batch: GraphBatch
    ) -> Tensor:
        """Displacements (E, 3) after atoms have moved."""
        assert self.shift is not None  # called for layers that move atoms
        pull = vector * (weight[:, None] * self.shift(message))
        shift = -segment_sum(pull, batch.edge_ptr, batch.target)
        degree = 1 + segment_sum(weight[:, None], batch.edge_ptr, batch.target)
        shift = shift / degree
        return vector + gather_sources(shift, batch) - gather_targets(shift, batch)


class EGNN(CrystalNetwork):
    """E(n)-equivariant network on crystals with invariant readout.

    Differs from the published network in three points. Messages have an envelope that
    falls to zero at the cutoff, so that predictions do not jump when a neighbour
    crosses it. Their sum is normalised per atom, and shifts are means over neighbours
    instead of all other atoms, of which a crystal has infinitely many. And squared
    distances are in units of the cutoff.

    Parameters
    ----------
    cutoff : float
        Distance in Å at which messages reach zero.
    n_layers : int
        Number of layers.
    update_positions : bool
        Whether all layers but the last one move atoms, which needs vectors in the
        batch; otherwise distances suffice.
    **shared
        See ``CrystalNetwork``.
    """

    def __init__(
        self,
        *,
        cutoff: float,
        n_layers: int,
        update_positions: bool,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        self.hops = n_layers
        self.cutoff = cutoff
        self.update_positions = update_positions
        self.layers = ModuleList(
            EquivariantLayer(
                shared["hidden_dim"],
                moves=update_positions and i + 1 < n_layers,
                norm=self.norm,
            )
            for i in range(n_layers)
        )

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        # The envelope depends on the initial distances.
        weight = cosine_cutoff(batch.distances, self.cutoff)
        weight = weight.index_select(0, batch.distance_class)
        if batch.edge_weight is not None:
            weight = weight * batch.edge_weight
        vector = batch.vector
        square = gather_distances((batch.distances / self.cutoff)[:, None] ** 2, batch)
        for layer in self.layers:
            message = layer.messages(x, square, batch)
            x = x + dropout(layer.features(x, message, weight, batch))
            if layer.shift is not None:
                assert vector is not None  # models that move atoms need vectors
                vector = layer.displace(vector, message, weight, batch)
                square = (vector / self.cutoff).square().sum(1, keepdim=True)
        return x
