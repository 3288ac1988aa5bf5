"""Crystal graph convolutional network."""

from torch import Tensor, nn
from torch.nn import functional as F

from ._aggregate import gated_sum
from ._basis import GaussianBasis, cosine_cutoff
from ._batch import GraphBatch
from ._dropout import Drop, keep
from ._network import CrystalNetwork
from ._radial import RadialGrid, radial_grid


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


class CGCNN(CrystalNetwork):
    """Gated convolutions over a Gaussian expansion of distances.

    Differs from the published network in three points. Messages fade out towards the
    cutoff, so that predictions do not jump when a neighbour crosses it. Sums of
    messages are normalised per atom instead of over the edges of a batch: a prediction
    then depends on its crystal alone. And they pass a SiLU before they are added,
    instead of a softplus after: the residual path stays clear.

    Parameters
    ----------
    cutoff : float
        Reach of the distance basis in Å.
    n_basis : int
        Number of Gaussians; at 8 Å, 41 is the published 0.2 Å spacing.
    n_layers : int
        Number of convolutions.
    **shared
        See ``CrystalNetwork``.
    """

    def __init__(self, *, cutoff: float, n_basis: int, n_layers: int, **shared) -> None:
        super().__init__(**shared)
        hidden_dim = shared["hidden_dim"]
        self.cutoff = cutoff
        # The published width, exp(-(d - c)^2 / spacing^2), as a standard deviation
        width = cutoff / (n_basis - 1) / 2**0.5
        self.basis = GaussianBasis(cutoff, n_basis, width)
        self.convolutions = nn.ModuleList(
            GatedConvolution(hidden_dim, n_basis) for _ in range(n_layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_dim) for _ in range(n_layers))

    def atoms(self, batch: GraphBatch, drop: Drop = keep) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        grid = radial_grid(batch.distances, self.basis.width)
        bond = self.basis(grid.points)
        fade = cosine_cutoff(batch.distances, self.cutoff)
        fade = fade.index_select(0, batch.distance_class)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = x + drop(F.silu(norm(convolution(x, bond, batch, fade, grid))))
        return x
