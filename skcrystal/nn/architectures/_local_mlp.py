"""Multilayer perceptron on the elements and distances of neighbours."""

from typing import Unpack

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import filtered_sum
from ..layers._basis import GaussianBasis, cosine_cutoff


class LocalMLP(CrystalNetwork):
    """Multilayer perceptron on elements and radial histograms, no message passing.

    A histogram of an atom's neighbours by distance, ``sum_j a_j f(d_ij) g_k(d_ij)``
    with Gaussians g and a cutoff f, in which the weight a of a neighbour is learned for
    its element [1]_; several of them are channels with different weights.

    Parameters
    ----------
    cutoff : float
        Distance in Å at which the weight of neighbours reaches zero.
    n_basis : int
        Number of Gaussians of a histogram.
    n_channels : int
        Number of histograms.
    n_layers : int
        Number of hidden layers.
    **shared
        See ``CrystalNetwork``.

    References
    ----------
    .. [1] M. Gastegger et al., J. Chem. Phys. 148, 241709 (2018).
    """

    def __init__(
        self,
        *,
        cutoff: float,
        n_basis: int,
        n_channels: int,
        n_layers: int,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        self.hops = 1
        hidden_dim = shared["hidden_dim"]
        self.cutoff = cutoff
        self.basis = GaussianBasis(cutoff, n_basis)
        self.weigh = nn.Linear(hidden_dim, n_channels)
        widths = [hidden_dim + n_channels * n_basis] + [hidden_dim] * (n_layers - 1)
        self.layers = nn.ModuleList(nn.Linear(width, hidden_dim) for width in widths)
        self.norms = nn.ModuleList(self.make_norm() for _ in widths)

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        x = torch.cat([x, self.histograms(x, batch)], dim=1)
        for i, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            new = dropout(F.silu(norm(layer(x), batch)))
            x = x + new if i else new
        return x

    def histograms(self, x: Tensor, batch: GraphBatch) -> Tensor:
        """Element vectors (N, F) to histograms of neighbours, (N, C * n_basis)."""
        bins = self.basis(batch.distances)
        bins = bins * cosine_cutoff(batch.distances, self.cutoff)[:, None]
        weights = self.weigh(x)
        n_channels, n_basis = weights.shape[1], bins.shape[1]
        # Every pair of a channel and a Gaussian is a column.
        return filtered_sum(
            weights.repeat_interleave(n_basis, dim=1), bins.repeat(1, n_channels), batch
        )
