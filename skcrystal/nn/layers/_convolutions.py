"""Convolutions of the crystal graph network: what an atom hears of its neighbours."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from ._aggregate import gated_sum, neighbor_sum, of_distances, segment_sum
from ._radial import RadialGrid


class GatedConvolution(nn.Module):
    """Sum of gated messages from all neighbours (eq. 5 of [1]_, without the residual).

    ``sum_j sigmoid(z_ij W_f + b_f) * softplus(z_ij W_s + b_s)`` with
    ``z_ij = [x_i, x_j, u_ij]``. The linear map of the three joined vectors is the sum
    of three maps, two of which run once an atom and one once a distance instead of
    once an edge. Adding `x` gives ``torch_geometric.nn.CGConv``.

    Parameters
    ----------
    hidden_dim : int
        Width F of the atom features.
    n_basis : int
        Width of the bond features.

    References
    ----------
    .. [1] T. Xie, J. C. Grossman, Phys. Rev. Lett. 120, 145301 (2018).
    """

    def __init__(self, hidden_dim: int, n_basis: int) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        # One matrix, so that its initial scale is that of the joined vector.
        self.joint = nn.Linear(2 * hidden_dim + n_basis, 2 * hidden_dim)

    def forward(
        self,
        x: Tensor,
        bond: Tensor,
        batch: GraphBatch,
        weight: Tensor | None = None,
        grid: RadialGrid | None = None,
    ) -> Tensor:
        """Atoms (N, F), bond features (D, n_basis), weights (E,) to messages (N, F).

        Bond features may be those of the points of a `grid`, (P, n_basis).
        """
        of_center, of_source, of_bond = self.joint.weight.split(
            [self.hidden_dim, self.hidden_dim, bond.shape[1]], dim=1
        )
        bond = F.linear(bond, of_bond)
        return gated_sum(
            F.linear(x, of_center, self.joint.bias),
            F.linear(x, of_source),
            bond if grid is None else grid.interpolate(bond),
            batch,
            weight,
        )


class SharedConvolution(nn.Module):
    """One matrix for all neighbours (eq. 4 of [1]_, without norm and nonlinearity).

    ``sum_j (x_j W_c + u_ij W_u) + x_i W_s + b``. Sums of linear maps are maps of sums,
    so that neighbours and bonds are added up first and mapped once an atom. That also
    shows what gates are for: but for weights that depend on distance, an atom hears
    which neighbours it has and at which distances, not which of them is at which.

    Parameters
    ----------
    hidden_dim : int
        Width F of the atom features.
    n_basis : int
        Width of the bond features.

    References
    ----------
    .. [1] T. Xie, J. C. Grossman, Phys. Rev. Lett. 120, 145301 (2018).
    """

    def __init__(self, hidden_dim: int, n_basis: int) -> None:
        super().__init__()
        # [W_s, W_c, W_u], joined as the vectors of a gated convolution are
        self.joint = nn.Linear(2 * hidden_dim + n_basis, hidden_dim)

    def forward(
        self,
        x: Tensor,
        bond: Tensor,
        batch: GraphBatch,
        weight: Tensor | None = None,
        grid: RadialGrid | None = None,
    ) -> Tensor:
        """Atoms (N, F), bond features (D, n_basis), weights (E,) to messages (N, F).

        Bond features may be those of the points of a `grid`, (P, n_basis).
        """
        if weight is None:
            weight = torch.ones_like(batch.target, dtype=x.dtype)
        if batch.edge_weight is not None:
            weight = weight * batch.edge_weight
        if grid is not None:
            bond = grid.interpolate(bond)
        bond = of_distances(bond, batch) * weight[:, None]
        bonds = segment_sum(bond, batch.edge_ptr, batch.target)
        return self.joint(torch.cat([x, neighbor_sum(x, weight, batch), bonds], dim=1))


class SelfConvolution(nn.Module):
    """No neighbours at all: ``x_i W_s + b``.

    A network of these sees the composition of a crystal, and nothing of its geometry:
    the baseline that tells what neighbours are worth.

    Parameters
    ----------
    hidden_dim : int
        Width F of the atom features.
    n_basis : int
        Not used; taken, as all but `x` in ``forward``, so that convolutions can stand
        in for one another.
    """

    def __init__(self, hidden_dim: int, n_basis: int) -> None:
        super().__init__()
        self.joint = nn.Linear(hidden_dim, hidden_dim)

    def forward(
        self,
        x: Tensor,
        bond: Tensor,
        batch: GraphBatch,
        weight: Tensor | None = None,
        grid: RadialGrid | None = None,
    ) -> Tensor:
        """Atoms (N, F) to messages (N, F); all else is ignored."""
        return self.joint(x)


CONVOLUTIONS: dict[str, type[nn.Module]] = {
    "gated": GatedConvolution,
    "shared": SharedConvolution,
    "self": SelfConvolution,
}
