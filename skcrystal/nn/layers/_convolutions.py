"""Convolutions of the crystal graph network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from ._aggregate import gated_sum, gather_distances, neighbor_sum, segment_sum
from ._radial import RadialGrid


class GatedConvolution(nn.Module):
    """Sum of gated messages from all neighbours (eq. 5 of [1]_, without the residual).

    ``sum_j sigmoid(z_ij W_f + b_f) * softplus(z_ij W_s + b_s)`` with
    ``z_ij = [x_i, x_j, u_ij]``. The linear map of the three joined vectors is the sum
    of three maps, two of which run once for each atom and one once for each distance,
    not for each edge. Adding `x` gives ``torch_geometric.nn.CGConv``.

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
    so that neighbours and bonds are summed first and mapped once for each atom. Without
    gates, apart from weights that depend on distance, messages hold the elements of the
    neighbours and their distances, but not which element is at which distance.

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
        # [W_s, W_c, W_u], joined as in a gated convolution
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
        bond = gather_distances(bond, batch) * weight[:, None]
        bonds = segment_sum(bond, batch.edge_ptr, batch.target)
        return self.joint(torch.cat([x, neighbor_sum(x, weight, batch), bonds], dim=1))


class SelfConvolution(nn.Module):
    """Linear map without neighbours, ``x_i W_s + b``.

    A network of these depends on the composition of a crystal but not on its geometry:
    a baseline that measures the value of message passing.

    Parameters
    ----------
    hidden_dim : int
        Width F of the atom features.
    n_basis : int
        Not used; accepted, as all but `x` in ``forward``, for one interface of all
        convolutions.
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
