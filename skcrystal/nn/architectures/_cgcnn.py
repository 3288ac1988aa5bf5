"""Crystal graph convolutional network."""

from typing import Unpack

from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, no_dropout
from .._network import CrystalNetwork, NetworkParameters
from ..layers._basis import GaussianBasis, cosine_cutoff
from ..layers._convolutions import CONVOLUTIONS
from ..layers._radial import radial_grid


class CGCNN(CrystalNetwork):
    """Convolutions over a Gaussian expansion of distances.

    Differs from the published network in three points. Messages have an envelope that
    falls to zero at the cutoff, so that predictions do not jump when a neighbour
    crosses it. Sums of messages are normalised per atom instead of over the edges of a
    batch: a prediction then depends on its crystal alone. And they pass a SiLU before
    they are added, instead of a softplus after: the residual path is an identity.

    Parameters
    ----------
    cutoff : float
        Reach of the distance basis in Å.
    n_basis : int
        Number of Gaussians; at 8 Å, 41 is the published 0.2 Å spacing.
    n_layers : int
        Number of convolutions.
    conv : {"gated", "shared", "self"}, default="gated"
        Messages of neighbours: gated (eq. 5 of the paper), by one linear map (eq. 4),
        or none.
    **shared
        See ``CrystalNetwork``.

    Raises
    ------
    ValueError
        If `conv` is unknown.
    """

    def __init__(
        self,
        *,
        cutoff: float,
        n_basis: int,
        n_layers: int,
        conv: str = "gated",
        **shared: Unpack[NetworkParameters],
    ) -> None:
        super().__init__(**shared)
        self.hops = n_layers
        if conv not in CONVOLUTIONS:
            raise ValueError(
                f"conv={conv!r} is not a convolution; use one of "
                f"{sorted(CONVOLUTIONS)}."
            )
        hidden_dim = shared["hidden_dim"]
        self.cutoff = cutoff
        # The published width, exp(-(d - c)^2 / spacing^2), as a standard deviation
        width = cutoff / (n_basis - 1) / 2**0.5
        self.basis = GaussianBasis(cutoff, n_basis, width)
        self.convolutions = nn.ModuleList(
            CONVOLUTIONS[conv](hidden_dim, n_basis) for _ in range(n_layers)
        )
        self.norms = nn.ModuleList(self.make_norm() for _ in range(n_layers))

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        grid = radial_grid(batch.distances, self.basis.width)
        bond = self.basis(grid.points)
        envelope = cosine_cutoff(batch.distances, self.cutoff)
        envelope = envelope.index_select(0, batch.distance_class)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = x + dropout(
                F.silu(norm(convolution(x, bond, batch, envelope, grid), batch))
            )
        return x
