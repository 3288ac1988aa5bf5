"""Functions of distance and direction that resolve angles finely."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise

import numpy as np
import torch
from scipy.optimize import brentq
from scipy.special import spherical_jn
from torch import Tensor, nn
from torch_geometric.nn.models.dimenet import Envelope


def solid_harmonics(vector: Tensor, l_max: int) -> Tensor:
    """Real spherical harmonics of directions, of any degree, by recurrence.

    Scaled to add up to Legendre polynomials,
    ``sum_m Y_lm(a) Y_lm(b) = P_l(cos(angle between a and b))``.

    Parameters
    ----------
    vector : Tensor of shape (E, 3)
        Of any length but zero.
    l_max : int
        Largest degree.

    Returns
    -------
    Tensor of shape (E, (l_max + 1)^2)
        Degree by degree, 2 l + 1 columns each.
    """
    x, y, z = nn.functional.normalize(vector, dim=1).unbind(1)
    degrees: list[list[Tensor]] = [[] for _ in range(l_max + 1)]
    # (x + iy)^m, and the associated Legendre function of z without its (1 - z^2)^(m/2)
    real, imaginary, first = torch.ones_like(x), torch.zeros_like(x), torch.ones_like(x)
    for m in range(l_max + 1):
        before, legendre = torch.zeros_like(z), first
        for degree in range(m, l_max + 1):
            ratio = math.factorial(degree - m) / math.factorial(degree + m)
            scaled = legendre * (ratio if m == 0 else 2 * ratio) ** 0.5
            degrees[degree].append(scaled * real)
            if m:
                degrees[degree].append(scaled * imaginary)
            following = (2 * degree + 1) * z * legendre - (degree + m) * before
            before, legendre = legendre, following / (degree + 1 - m)
        real, imaginary = x * real - y * imaginary, x * imaginary + y * real
        first = first * (2 * m + 1)
    return torch.stack([column for degree in degrees for column in degree], dim=1)


class SphericalBessel(nn.Module):
    """Radial parts of a particle in a sphere, by angular momentum and energy.

    ``sqrt((2 l + 1) / 4 pi) u(d / c) j_l(z_ln d / c)`` up to normalisation, where z_ln
    are the zeros of the spherical Bessel function j_l and u falls to zero at the cutoff
    c. Times Legendre polynomials in an angle they are
    ``torch_geometric.nn.models.dimenet.SphericalBasisLayer``, which derives them by
    computer algebra: that takes ten seconds for each network, which then cannot be
    pickled.

    Parameters
    ----------
    cutoff : float
        In Å.
    n_spherical : int
        Number of angular momenta L, from 0.
    n_radial : int
        Number of functions R of each.
    exponent : int, default=5
        Of the envelope u.
    """

    def __init__(
        self, cutoff: float, n_spherical: int, n_radial: int, exponent: int = 5
    ) -> None:
        super().__init__()
        self.cutoff = cutoff
        self.envelope = Envelope(exponent)
        zeros = bessel_zeros(n_spherical, n_radial)
        degree = np.arange(n_spherical)[:, None]
        norm = np.sqrt(2 * (2 * degree + 1) / (4 * np.pi))
        norm = norm / np.abs(spherical_jn(degree + 1, zeros))
        # Not in the state: they follow from the parameters, and would lose digits in a
        # network of single precision.
        self._zeros, self._norm = torch.from_numpy(zeros), torch.from_numpy(norm)

    def forward(self, distance: Tensor) -> Tensor:
        """Distances (D,) in Å to (D, L, R)."""
        scaled = (distance / self.cutoff).double()
        zeros, norm = self._zeros.to(scaled.device), self._norm.to(scaled.device)
        x = scaled[:, None, None] * zeros
        # Upwards, the recurrence loses digits where x is less than the degree: up to
        # ten of the sixteen, at distances between atoms.
        before, bessel = torch.cos(x) / x, torch.sin(x) / x
        columns = []
        for degree in range(len(zeros)):
            columns.append(bessel[:, degree])
            following = (2 * degree + 1) / x * bessel - before
            before, bessel = bessel, following
        radial = torch.stack(columns, dim=1) * norm
        return (radial * self.envelope(scaled)[:, None, None]).to(distance.dtype)


@cache
def bessel_zeros(n_spherical: int, n_radial: int) -> np.ndarray:
    """First zeros of spherical Bessel functions, (n_spherical, n_radial)."""
    # Between two zeros of one function lies one of the next.
    zeros = np.pi * np.arange(1, n_radial + n_spherical)
    rows = [zeros[:n_radial]]
    for degree in range(1, n_spherical):
        zeros = np.array(
            [
                brentq(lambda x, n=degree: spherical_jn(n, x), *between)
                for between in pairwise(zeros)
            ]
        )
        rows.append(zeros[:n_radial])
    return np.array(rows)
