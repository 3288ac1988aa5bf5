"""SchNet: continuous-filter convolutions."""

import math
from typing import Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import filtered_sum
from ..layers._basis import GaussianBasis, cosine_cutoff
from ..layers._radial import RadialGrid, radial_grid


class ShiftedSoftplus(nn.Module):
    """``ln(0.5 exp(x) + 0.5)``, which is zero at zero."""

    def forward(self, x: Tensor) -> Tensor:
        return F.softplus(x) - math.log(2.0)


class Interaction(nn.Module):
    """One interaction block of [1]_, without the residual.

    Equal to ``torch_geometric.nn.models.schnet.InteractionBlock``, but filters are
    computed once for each distinct distance, not for each edge.

    Parameters
    ----------
    hidden_dim : int
        Width F of atom features and filters.
    n_basis : int
        Width of the distance basis.

    References
    ----------
    .. [1] K. T. Schütt et al., J. Chem. Phys. 148, 241722 (2018).
    """

    def __init__(self, hidden_dim: int, n_basis: int) -> None:
        super().__init__()
        self.filter = nn.Sequential(
            nn.Linear(n_basis, hidden_dim),
            ShiftedSoftplus(),
            nn.Linear(hidden_dim, hidden_dim),
        )
        self.into = nn.Linear(hidden_dim, hidden_dim, bias=False)
        self.out = nn.Sequential(
            nn.Linear(hidden_dim, hidden_dim),
            ShiftedSoftplus(),
            nn.Linear(hidden_dim, hidden_dim),
        )
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(
        self,
        x: Tensor,
        basis: Tensor,
        envelope: Tensor,
        batch: GraphBatch,
        grid: RadialGrid | None = None,
    ) -> Tensor:
        """Atoms (N, F), basis (D, n_basis) and envelope (D,) to messages (N, F).

        The basis may be that of the points of a `grid`, (P, n_basis).
        """
        filters = self.filter(basis)
        if grid is not None:
            filters = grid.interpolate(filters)
        # Not interpolated: its curvature jumps at the cutoff.
        filters = filters * envelope[:, None]
        return self.out(filtered_sum(self.into(x), filters, batch))


class SchNet(CrystalNetwork):
    """Residual interaction blocks with filters generated from distances.

    Parameters
    ----------
    cutoff : float
        Distance in Å at which filters reach zero.
    n_basis : int
        Number of Gaussians.
    n_layers : int
        Number of interaction blocks.
    **shared
        See ``CrystalNetwork``.
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
        self.interactions = nn.ModuleList(
            Interaction(hidden_dim, n_basis) for _ in range(n_layers)
        )

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        grid = radial_grid(batch.distances, self.basis.width)
        basis = self.basis(grid.points)
        envelope = cosine_cutoff(batch.distances, self.cutoff)
        for interaction in self.interactions:
            x = x + dropout(interaction(x, basis, envelope, batch, grid))
        return x
