"""Multilevel graph convolutions: filters of distance, states of pairs of elements."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

import torch
from torch import Tensor, nn

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import filtered_sum, neighbor_sum
from ..layers._basis import GaussianBasis, cosine_cutoff
from ..layers._elements import N_ELEMENTS, ElementEmbedding
from ..layers._radial import RadialGrid, radial_grid


def _softplus() -> nn.Module:
    return nn.Softplus(beta=0.5, threshold=14)


class PairEmbedding(nn.Module):
    """Embedding of unordered pairs of elements.

    The product of two vectors of elements, mapped, plus a correction of the pair that
    starts at zero: a pair absent from training has the vector of its elements.

    Parameters
    ----------
    hidden_dim : int
        Length of the vectors.
    """

    def __init__(self, hidden_dim: int) -> None:
        super().__init__()
        self.elements = ElementEmbedding(hidden_dim)
        self.of_product = nn.Linear(hidden_dim, hidden_dim)
        n_pairs = (N_ELEMENTS + 1) * (N_ELEMENTS + 2) // 2
        self.correction = nn.Embedding(n_pairs, hidden_dim)
        nn.init.zeros_(self.correction.weight)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Atomic numbers (P,) twice to (P, hidden_dim)."""
        product = self.elements(first) * self.elements(second)
        high, low = torch.maximum(first, second), torch.minimum(first, second)
        number = high * (high + 1) // 2 + low
        return self.of_product(product) + self.correction(number)


def pairs_of(batch: GraphBatch) -> tuple[Tensor, GraphBatch]:
    """Find the pairs of elements that edges join.

    Returns
    -------
    numbers : Tensor of shape (2, P)
        Atomic numbers of each pair, the smaller one first.
    graph : GraphBatch
        From each edge's target to its pair, which stands in the neighbour's place.
    """
    ends = batch.atomic_numbers.index_select(
        0, torch.stack([batch.target, batch.neighbor]).view(-1)
    ).view(2, -1)
    base = N_ELEMENTS + 1
    codes, pair = torch.unique(ends.amin(0) * base + ends.amax(0), return_inverse=True)
    numbers = torch.stack([codes // base, codes % base])
    graph = replace(batch, atomic_numbers=codes, neighbor=pair.int())
    return numbers, graph


class MultilevelInteraction(nn.Module):
    """One level: ``sum_j f(d_ij) * W x_j + V e_ij`` to atoms, and the next e_ij.

    A block of [1]_, as in DGL-LifeSci: edge states e depend on those of the level
    before alone, so they are states of pairs of elements, of which there are few.

    Parameters
    ----------
    hidden_dim : int
        Width F of atoms, pairs and filters.
    n_basis : int
        Width of the distance basis.
    last : bool
        Whether this is the last level, without next pairs.

    References
    ----------
    .. [1] C. Lu et al., AAAI 33, 1052 (2019), arXiv:1906.11081.
    """

    def __init__(self, hidden_dim: int, n_basis: int, last: bool = False) -> None:
        super().__init__()
        self.into = nn.Linear(hidden_dim, hidden_dim)
        self.filter = nn.Sequential(
            nn.Linear(n_basis, hidden_dim),
            _softplus(),
            nn.Linear(hidden_dim, hidden_dim),
        )
        self.of_pair = nn.Linear(hidden_dim, hidden_dim)
        self.out = nn.Sequential(
            nn.Linear(hidden_dim, hidden_dim),
            _softplus(),
            nn.Linear(hidden_dim, hidden_dim),
        )
        self.next_pair = None
        if not last:
            self.next_pair = nn.Sequential(
                nn.Linear(hidden_dim, hidden_dim), _softplus()
            )

    def forward(
        self,
        x: Tensor,
        pair: Tensor,
        basis: Tensor,
        envelope: Tensor,
        batch: GraphBatch,
        pairs: GraphBatch,
        grid: RadialGrid,
    ) -> tuple[Tensor, Tensor]:
        """Updates of atoms (N, F); pairs (P, F) of the next level."""
        filters = grid.interpolate(self.filter(basis)) * envelope[:, None]
        weight = envelope.index_select(0, batch.distance_class)
        if batch.edge_weight is not None:
            weight = weight * batch.edge_weight
        pair = self.of_pair(pair)
        total = filtered_sum(self.into(x), filters, batch)
        total = total + neighbor_sum(pair, weight, pairs)
        return self.out(total), pair if self.next_pair is None else self.next_pair(pair)


class MGCN(CrystalNetwork):
    """Levels of interaction, concatenated for the readout [1]_.

    Differs from the published network in that messages have an envelope that falls to
    zero at the cutoff, and that the features of all levels are mapped to one vector of
    each atom.

    Parameters
    ----------
    cutoff : float
        Distance in Å at which messages reach zero.
    n_basis : int
        Number of Gaussians.
    n_layers : int
        Number of levels after the first, which is the elements.
    **shared
        See ``CrystalNetwork``.

    References
    ----------
    .. [1] C. Lu et al., AAAI 33, 1052 (2019), arXiv:1906.11081.
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
        self.hops = n_layers
        hidden_dim = shared["hidden_dim"]
        self.cutoff = cutoff
        self.basis = GaussianBasis(cutoff, n_basis)
        self.pairs = PairEmbedding(hidden_dim)
        self.interactions = nn.ModuleList(
            MultilevelInteraction(hidden_dim, n_basis, last=i == n_layers - 1)
            for i in range(n_layers)
        )
        self.join = nn.Linear((n_layers + 1) * hidden_dim, hidden_dim)

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        levels = [self.elements(batch.atomic_numbers)]
        numbers, pairs = pairs_of(batch)
        pair = self.pairs(*numbers)
        grid = radial_grid(batch.distances, self.basis.width)
        basis = self.basis(grid.points)
        envelope = cosine_cutoff(batch.distances, self.cutoff)
        for interaction in self.interactions:
            x = levels[-1]
            new, pair = interaction(x, pair, basis, envelope, batch, pairs, grid)
            levels.append(x + dropout(new))
        return self.join(torch.cat(levels, dim=1))
