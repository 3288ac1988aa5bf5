"""Edge features averaged over rotations and reflections of displacements."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch

# Seed of the sets used outside of training, the same in all networks.
_FIXED_SEED = 0
# Hidden features computed at once: few enough to stay in a cache of the CPU.
_AT_ONCE = {"cpu": 2**18}
_AT_ONCE_ELSEWHERE = 2**27
_GROUP_ORDERS = (60, 12, 4, 1)


class HaarTransformations(nn.Module):
    """Uniform (Haar) rotations and reflections.

    They are products ``g R``, where R is drawn from the Haar distribution of O(3), and
    g runs over a group of rotations: of the largest order among 60 (icosahedron), 12
    (tetrahedron), 4 (half turns) and 1 that divides their number K. If K is a multiple
    of the order, there are several R. Each ``g R`` by itself is uniform. Together they
    lie more evenly than independent ones: averages over the groups are exact for
    polynomials of a direction up to degree 5, 2, 1 and 0.

    In training each crystal has its own, new ones at each call. Otherwise all have the
    same at each call, which make a network exactly invariant under rotations Q in the
    group: ``{Q g}`` is the group again.

    Parameters
    ----------
    n_training, n_fixed : int
        Number K of transformations in training, and otherwise.
    """

    group: Tensor
    fixed: Tensor

    def __init__(self, n_training: int, n_fixed: int) -> None:
        super().__init__()
        group, of_fixed = rotation_group(n_training), rotation_group(n_fixed)
        self.n_drawn = n_training // len(group)
        random = np.random.RandomState(_FIXED_SEED)
        quaternions = random.standard_normal((n_fixed // len(of_fixed), 4))
        drawn = rotation_matrices(torch.from_numpy(quaternions))
        drawn[1::2] *= -1  # reflections, if there are several
        fixed = _products(of_fixed, drawn[None])
        # Not in the state: they follow from the numbers.
        self.register_buffer("group", group.float(), persistent=False)
        self.register_buffer("fixed", fixed.float(), persistent=False)

    def forward(self, n_crystals: int) -> Tensor:
        """Transformations (n_crystals, K, 3, 3), or (1, K, 3, 3) if all have one."""
        if not self.training:
            return self.fixed
        shape = (n_crystals, self.n_drawn)
        drawn = rotation_matrices(self.group.new_empty(*shape, 4).normal_())
        sign = 1 - 2 * self.group.new_empty(*shape, 1, 1).bernoulli_(0.5)
        return _products(self.group, sign * drawn)


class EulerTransformations(nn.Module):
    """Rotations and reflections by three angles, whose distribution is learned.

    ``T = s R_z(a) R_y(b) R_x(c)``; half have s = 1 and half -1, which reflects. Each
    angle is normal about a learned location, and its variance is the inverse of a
    learned concentration, with other numbers for either s. Wound around the circle
    these are wrapped normal distributions, which are close to von Mises' of the
    published network [1]_ and of which gradients are exact: an angle is ``location +
    concentration**-0.5 * noise``.

    Some orientations are more likely than others, so that averages over ever more of
    them still depend on that of the crystal.

    Parameters
    ----------
    n_training, n_fixed : int
        Number K of transformations in training, and otherwise.

    References
    ----------
    .. [1] H. Li, S. Zhang, L. Tang, M. Bauchy, Y. Sun, ICML 2024, arXiv:2401.08627.
    """

    fixed_noise: Tensor

    def __init__(self, n_training: int, n_fixed: int) -> None:
        super().__init__()
        self.n_training = n_training
        self.location = nn.Parameter(torch.zeros(2, 3))
        self.log_concentration = nn.Parameter(torch.zeros(2, 3))
        random = np.random.RandomState(_FIXED_SEED)
        noise = random.standard_normal((-(-n_fixed // 4), 1, 1, 3))
        # Each with its opposite, and both for rotations and for reflections
        noise = (noise * [[[1.0]], [[-1.0]]]).repeat(2, axis=2).reshape(1, -1, 3)
        fixed = torch.from_numpy(noise[:, :n_fixed]).float()
        self.register_buffer("fixed_noise", fixed, persistent=False)

    def forward(self, n_crystals: int) -> Tensor:
        """Transformations (n_crystals, K, 3, 3), or (1, K, 3, 3) if all have one."""
        if not self.training:
            return self.transform(self.fixed_noise, 0)
        noise = self.fixed_noise.new_empty(n_crystals, self.n_training, 3).normal_()
        # If the number is odd, the majority kind is random.
        return self.transform(
            noise, torch.randint(2, (n_crystals, 1), device=noise.device)
        )

    def transform(self, noise: Tensor, first: Tensor | int) -> Tensor:
        """Noise (B, K, 3) to transformations (B, K, 3, 3), in turn of either kind.

        `first` is 1, or (B, 1) of it, where the first one reflects, otherwise 0.
        """
        turn = torch.arange(noise.shape[1], device=noise.device)[None]
        kind = (turn + first) % 2
        spread = torch.exp(-0.5 * self.log_concentration)
        angles = self.location[kind] + spread[kind] * noise
        return (1 - 2 * kind)[..., None, None] * euler_matrices(angles)


class Untransformed(nn.Module):
    """The identity alone, for networks that depend on directions."""

    fixed: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("fixed", torch.eye(3)[None, None], persistent=False)

    def forward(self, n_crystals: int) -> Tensor:
        """The identity, (1, 1, 3, 3)."""
        return self.fixed


class SymmetrizedEdges(nn.Module):
    """Edge features ``h_ij = mean_k MLP(x_ij T_k)`` of displacements x_ij.

    The MLP has two hidden layers. Its last map is linear, and is applied to the mean,
    which is equal and cheaper.

    Parameters
    ----------
    transformations : nn.Module
        Maps a number of crystals to matrices (n_crystals, K, 3, 3), or (1, K, 3, 3).
    edge_dim : int
        Width F of hidden layers and features.
    cutoff : float
        Length in Å of the longest displacements.
    """

    def __init__(
        self, transformations: nn.Module, edge_dim: int, cutoff: float
    ) -> None:
        super().__init__()
        self.transformations = transformations
        self.into = nn.Linear(3, edge_dim)
        self.hidden = nn.Linear(edge_dim, edge_dim)
        self.out = nn.Linear(edge_dim, edge_dim)
        # Unit k bends where ``w_k . x = -b_k``. By default that is near the origin,
        # where no neighbours are, and networks learn slowly; here it is anywhere within
        # the cutoff.
        with torch.no_grad():
            self.into.weight.copy_(F.normalize(torch.randn(edge_dim, 3)))
            self.into.bias.uniform_(-cutoff, cutoff)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Features of all edges, (E, F)."""
        assert batch.vector is not None  # models of this network need vectors
        matrices = self.transformations(len(batch))
        turned = transformed(batch.vector.to(matrices.dtype), matrices, batch)
        at_once = _AT_ONCE.get(turned.device.type, _AT_ONCE_ELSEWHERE)
        n_rows = max(1, at_once // (turned.shape[1] * self.into.out_features))
        parts = [self._mean(rows) for rows in turned.split(n_rows)]
        return self.out(torch.cat(parts))

    def _mean(self, x: Tensor) -> Tensor:
        return F.silu(self.hidden(F.silu(self.into(x)))).mean(1)


def transformed(vector: Tensor, matrices: Tensor, batch: GraphBatch) -> Tensor:
    """Multiply each edge's vector by all matrices of its crystal, ``x_ij T_k``.

    Parameters
    ----------
    vector : Tensor of shape (E, 3)
    matrices : Tensor of shape (B, K, 3, 3), or (1, K, 3, 3)
        Those of each crystal, or of all.
    batch : GraphBatch

    Returns
    -------
    Tensor of shape (E, K, 3)
    """
    side_by_side = matrices.transpose(1, 2).flatten(2)  # (B, 3, 3 K)
    if len(matrices) == 1:
        turned = vector @ side_by_side[0]
    else:
        crystal = batch.crystal.index_select(0, batch.target)
        of_edge = side_by_side.index_select(0, crystal)
        turned = (vector[:, :, None] * of_edge).sum(1)
    return turned.unflatten(1, (-1, 3))


def rotation_group(n: int) -> Tensor:
    """Largest group of rotations whose order G divides `n`, (G, 3, 3) in float64.

    From the rotations of an icosahedron (60) and its subgroups: those of a tetrahedron
    (12), half turns about the axes (4), and the identity.
    """
    order = next(order for order in _GROUP_ORDERS if n % order == 0)
    half_turns = torch.eye(4, dtype=torch.double)
    if order <= 4:
        return rotation_matrices(half_turns[:order])
    signs = torch.tensor(list(product((1.0, -1.0), repeat=3)), dtype=torch.double)
    third_turns = torch.cat([torch.ones(8, 1, dtype=torch.double), signs], dim=1)
    tetrahedron = rotation_matrices(torch.cat([half_turns, third_turns]))
    if order == 12:
        return tetrahedron
    # With the turns about one of its fivefold axes come all of the icosahedron.
    golden = (1 + 5**0.5) / 2
    quaternion = torch.tensor([golden, 1.0, 1 / golden, 0.0], dtype=torch.double)
    fifth_turn = rotation_matrices(quaternion)
    turns = [torch.linalg.matrix_power(fifth_turn, i) for i in range(5)]
    return torch.cat([turn @ tetrahedron for turn in turns])


def rotation_matrices(quaternions: Tensor) -> Tensor:
    """Rotations (..., 3, 3) of quaternions (..., 4) of any length but zero.

    Normal components give uniform rotations.
    """
    w, x, y, z = F.normalize(quaternions, dim=-1).unbind(-1)
    return _matrices(
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )


def euler_matrices(angles: Tensor) -> Tensor:
    """Rotations ``R_z(a) R_y(b) R_x(c)`` (..., 3, 3) by angles a, b, c (..., 3)."""
    (ca, cb, cc), (sa, sb, sc) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    return _matrices(
        (ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc),
        (sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc),
        (-sb, cb * sc, cb * cc),
    )


def _matrices(*rows: tuple[Tensor, ...]) -> Tensor:
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def _products(group: Tensor, drawn: Tensor) -> Tensor:
    """All ``g R`` of a group (G, 3, 3) and matrices (B, M, 3, 3), (B, M G, 3, 3)."""
    return (group @ drawn[:, :, None]).flatten(1, 2)
