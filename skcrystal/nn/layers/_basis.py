"""Functions of the distance between two atoms."""

import math

import torch
from torch import Tensor, nn


class GaussianBasis(nn.Module):
    """Expand distances in equally spaced Gaussians.

    ``exp(-(d - c_k)^2 / (2 width^2))`` with centres from 0 to `cutoff`.

    Parameters
    ----------
    cutoff : float
        Centre of the last function, in Å.
    n_basis : int
        Number of functions, at least 2.
    width : float, optional
        Standard deviation in Å; by default the spacing of the centres.
    """

    centers: Tensor

    def __init__(self, cutoff: float, n_basis: int, width: float | None = None) -> None:
        super().__init__()
        spacing = cutoff / (n_basis - 1)
        width = spacing if width is None else width
        self.register_buffer("centers", torch.linspace(0.0, cutoff, n_basis))
        self.width = width
        self.exponent = -0.5 / width**2 / math.log(2)

    def forward(self, distance: Tensor) -> Tensor:
        """Distances (D,) in Å to (D, n_basis)."""
        # A power of two costs a quarter of an exponential, and less again if it need
        # not underflow: far from its centre a Gaussian is 1e-30 here, not 0.
        exponent = self.exponent * (distance[:, None] - self.centers) ** 2
        return torch.exp2(exponent.clamp(min=-100.0))


def cosine_cutoff(distance: Tensor, cutoff: float) -> Tensor:
    """Fall smoothly from 1 at no distance to 0 at the cutoff and beyond.

    Parameters
    ----------
    distance : Tensor of shape (D,)
        In Å.
    cutoff : float
        In Å.

    Returns
    -------
    Tensor of shape (D,)

    References
    ----------
    .. [1] J. Behler, J. Chem. Phys. 134, 074106 (2011).
    """
    inside = distance.clamp(max=cutoff)
    return 0.5 * (torch.cos(inside * (math.pi / cutoff)) + 1.0)
