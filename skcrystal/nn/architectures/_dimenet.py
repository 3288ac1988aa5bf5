"""DimeNet++: message passing between edges by the angles between them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from torch_geometric.nn.models.dimenet import (
    BesselBasisLayer,
    InteractionPPBlock,
    OutputPPBlock,
)

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import gather_distances, segment_sum
from ..layers._edge_states import edge_update
from ..layers._spherical import SphericalBessel
from ..layers._triplets import Angles, triplet_sum

_ROWS_AT_ONCE = 4096


class TripletInteraction(InteractionPPBlock):
    """PyG's block of DimeNet++, equal in weights and results; no triplet arrays."""

    def forward(
        self,
        x: Tensor,
        rbf: Tensor,
        radial: Tensor,
        angles: Angles,
        batch: GraphBatch,
    ) -> Tensor:
        """Messages (E, F), bases (D, R) and (D, L, R) to messages (E, F)."""
        n_spherical, n_radial = radial.shape[1:]
        rbf = gather_distances(self.lin_rbf2(self.lin_rbf1(rbf)), batch)
        x_kj = in_parts(self.before, x, rbf)
        if batch.edge_weight is not None:
            x_kj = x_kj * batch.edge_weight[:, None]
        of_degree = self.lin_sbf1.weight.view(-1, n_spherical, n_radial)
        kernel = self.lin_sbf2(torch.einsum("dlr,blr->ldb", radial, of_degree))
        return in_parts(self.after, x, triplet_sum(x_kj, kernel, angles, batch))

    def before(self, x: Tensor, rbf: Tensor) -> Tensor:
        """Messages (E, F) as they enter triplets, (E, C)."""
        return self.act(self.lin_down(self.act(self.lin_kj(x)) * rbf))

    def after(self, x: Tensor, x_kj: Tensor) -> Tensor:
        """Messages (E, F) and sums over triplets (E, C) to messages (E, F)."""
        h = self.act(self.lin_ji(x)) + self.act(self.lin_up(x_kj))
        for layer in self.layers_before_skip:
            h = layer(h)
        h = self.act(self.lin(h)) + x
        for layer in self.layers_after_skip:
            h = layer(h)
        return h


def in_parts(function: Callable[..., Tensor], *rows: Tensor) -> Tensor:
    """Results of a function of each row (E, ...), computed in chunks of rows.

    The backward pass computes each chunk again from its input (gradient checkpointing).
    On a CPU that is faster nevertheless, because activations stay in the cache, and
    takes half of the memory. Elsewhere all rows are one chunk.
    """
    if rows[0].device.type != "cpu" or len(rows[0]) <= _ROWS_AT_ONCE:
        return function(*rows)
    parts = zip(*(values.split(_ROWS_AT_ONCE) for values in rows), strict=True)
    return torch.cat(
        [
            checkpoint(function, *part, use_reentrant=False, preserve_rng_state=False)
            for part in parts
        ]
    )


class MessageReadout(OutputPPBlock):
    """PyG's output block of DimeNet++, on messages sorted by target."""

    def forward(self, x: Tensor, rbf: Tensor, batch: GraphBatch) -> Tensor:
        """Messages (E, F) and basis (D, R) to atoms (N, G)."""
        x = x * gather_distances(self.lin_rbf(rbf), batch)
        if batch.edge_weight is not None:
            x = x * batch.edge_weight[:, None]
        x = self.lin_up(segment_sum(x, batch.edge_ptr, batch.target))
        for layer in self.lins:
            x = self.act(layer(x))
        return self.lin(x)


class MessageEmbedding(nn.Module):
    """Initial messages of edges, ``silu(W [x_i, x_j, silu(V rbf_ij)])``.

    Equal to PyG's ``EmbeddingBlock`` on features of atoms; the map of the joined vector
    runs once for each atom at either end, and once for each distance.

    Parameters
    ----------
    hidden_dim : int
        Width F of atom features and messages.
    n_radial : int
        Width of the radial basis.
    """

    def __init__(self, hidden_dim: int, n_radial: int) -> None:
        super().__init__()
        self.lin_rbf = nn.Linear(n_radial, hidden_dim)
        self.lin = nn.Linear(3 * hidden_dim, hidden_dim)

    def forward(self, x: Tensor, rbf: Tensor, batch: GraphBatch) -> Tensor:
        """Atoms (N, F) and basis (D, R) to messages (E, F)."""
        of_target, of_neighbor, of_length = self.lin.weight.chunk(3, dim=1)
        length = F.linear(F.silu(self.lin_rbf(rbf)), of_length, self.lin.bias)
        return edge_update(
            F.linear(x, of_target),
            F.linear(x, of_neighbor),
            gather_distances(length, batch),
            batch,
        )


class DimeNetPlusPlus(CrystalNetwork):
    """Messages of edges from preceding messages and angles, after [1]_.

    Blocks are PyTorch Geometric's. Atoms start from the properties of their elements,
    and output blocks add up to a vector of each atom, which the head maps to targets.

    Parameters
    ----------
    cutoff : float
        Distance in Å at which messages reach zero.
    n_radial : int
        Number of radial functions.
    n_spherical : int
        Number of angular momenta, from 0.
    triplet_dim : int
        Width of messages where they are summed over triplets.
    n_layers : int
        Number of interaction blocks.
    **shared
        See ``CrystalNetwork``.

    References
    ----------
    .. [1] J. Gasteiger et al., arXiv:2011.14115 (2020).
    """

    def __init__(
        self,
        *,
        cutoff: float,
        n_radial: int,
        n_spherical: int,
        triplet_dim: int,
        n_layers: int,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        hidden_dim = shared["hidden_dim"]
        # Messages depend on both ends of the edge before the first block.
        self.hops = n_layers + 1
        self.rbf = BesselBasisLayer(n_radial, cutoff)
        self.radial = SphericalBessel(cutoff, n_spherical, n_radial)
        self.embedding = MessageEmbedding(hidden_dim, n_radial)
        self.interactions = nn.ModuleList(
            TripletInteraction(
                hidden_dim,
                int_emb_size=triplet_dim,
                basis_emb_size=8,
                num_spherical=n_spherical,
                num_radial=n_radial,
                num_before_skip=1,
                num_after_skip=2,
                act=F.silu,
            )
            for _ in range(n_layers)
        )
        self.outputs = nn.ModuleList(
            MessageReadout(
                n_radial,
                hidden_dim,
                out_emb_channels=2 * hidden_dim,
                out_channels=hidden_dim,
                num_layers=3,
                act=F.silu,
                # Zeros, as published, would give all weights before them zero gradients
                # at first.
                output_initializer="glorot_orthogonal",
            )
            for _ in range(n_layers + 1)
        )

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        rbf, radial = self.rbf(batch.distances), self.radial(batch.distances)
        angles = Angles.of(batch, radial.shape[1] - 1)
        message = self.embedding(self.elements(batch.atomic_numbers), rbf, batch)
        x = dropout(self.outputs[0](message, rbf, batch))
        for interaction, output in zip(
            self.interactions, self.outputs[1:], strict=True
        ):
            message = interaction(message, rbf, radial, angles, batch)
            x = x + dropout(output(message, rbf, batch))
        return x
