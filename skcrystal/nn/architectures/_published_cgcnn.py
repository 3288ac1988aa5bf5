"""The crystal graph network as published, for published weights."""

from __future__ import annotations

from typing import ClassVar, NamedTuple, TypedDict, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from .._batch import GraphBatch
from .._dropout import Dropout, DropoutMasks, no_dropout
from .._head import AnyHead
from .._network import CrystalNetwork, NetworkParameters
from ..layers._aggregate import gated_sum, segment_sum
from ..layers._basis import GaussianBasis
from ..layers._elements import N_ELEMENTS

_PADDING_DISTANCE = 9.0  # Å
_SLACK = 1e-5  # Å, for rounding errors of lengths equal to the cutoff


class PublishedSizes(TypedDict):
    """Sizes that differ between published networks."""

    hidden_dim: int
    n_layers: int
    head_dim: int
    n_hidden: int
    n_features: int


class PublishedCGCNN(CrystalNetwork):
    """The network of Xie and Grossman [1]_, reproduced exactly.

    For graphs with ``cutoff=8.0, max_neighbors=12``. The published graph gives each
    atom twelve edges: where fewer neighbours are in reach, the rest lead to the first
    atom of the crystal, at 9 Å. Here graphs hold no such edges, and the network adds
    their messages. Edges longer than the cutoff, by which ``on_isolated="nearest"``
    joins an atom that has no neighbours, are ignored.

    Statistics of batch norms are fixed to those of the original training, also in
    further training: a prediction depends on its crystal alone.

    Parameters
    ----------
    n_layers : int
        Number of convolutions.
    head_dim : int
        Width of the crystal's features in the head.
    n_hidden : int, default=1
        Hidden layers of the head.
    n_features : int, default=92
        Length of the tabulated vectors of elements.
    **shared
        See ``CrystalNetwork``. A classifier has one target a class, its logit. The head
        has dropout after its first map, as the published classifier.

    Attributes
    ----------
    cutoff : float
        Reach in Å.
    max_neighbors : int
        Edges of each atom.
    n_basis : int
        Number of Gaussians, 0.2 Å apart.

    References
    ----------
    .. [1] T. Xie, J. C. Grossman, Phys. Rev. Lett. 120, 145301 (2018).
    """

    cutoff: ClassVar[float] = 8.0
    max_neighbors: ClassVar[int] = 12
    n_basis: ClassVar[int] = 41
    elements: ElementVectors

    def __init__(
        self,
        *,
        n_layers: int,
        head_dim: int,
        n_hidden: int = 1,
        n_features: int = 92,
        **shared: Unpack[NetworkParameters],
    ) -> None:
        self.head_dim, self.n_hidden = head_dim, n_hidden  # which make_head reads
        super().__init__(**shared)
        hidden_dim = shared["hidden_dim"]
        # Padding edges come from the first atom of a crystal, at any distance.
        self.hops = None
        self.elements = ElementVectors(n_features, hidden_dim)
        # exp(-(d - c)^2 / spacing^2), as a standard deviation
        width = self.cutoff / (self.n_basis - 1) / 2**0.5
        self.basis = GaussianBasis(self.cutoff, self.n_basis, width)
        self.convolutions = nn.ModuleList(
            NormedConvolution(hidden_dim, self.n_basis) for _ in range(n_layers)
        )

    def make_head(self, n_targets: int, task_layers: int | None) -> AnyHead:
        if task_layers is not None:
            return super().make_head(n_targets, task_layers)
        widths = self.hidden_dim, self.head_dim
        return SoftplusHead(*widths, self.n_hidden, self.n_outputs)

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        x = self.elements(batch.atomic_numbers)
        within = batch.distances <= self.cutoff + _SLACK
        within = within.to(x.dtype).index_select(0, batch.distance_class)
        missing = MissingNeighbors(
            first_atom=batch.atom_ptr[:-1].index_select(0, batch.crystal),
            n_edges=(self.max_neighbors - _n_within(within, batch)).clamp(min=0),
            bond=self.basis(batch.distances.new_tensor([_PADDING_DISTANCE])),
        )
        bond = self.basis(batch.distances)
        for convolution in self.convolutions:
            x = F.softplus(x + dropout(convolution(x, bond, batch, within, missing)))
        return x

    def draw_masks(self, n_samples: int, seed: int) -> DropoutMasks:
        # The published head has dropout after its first map, not before.
        published = isinstance(self.head, SoftplusHead)
        return DropoutMasks(
            n_samples,
            hidden_dim=self.head_dim if published else self.hidden_dim,
            dropout=self.dropout,
            dropout_conv=self.dropout_conv,
            seed=seed,
            device=self.elements.linear.weight.device,
        )


class MissingNeighbors(NamedTuple):
    """Edges that pad the neighbours of each atom to twelve.

    Attributes
    ----------
    first_atom : Tensor of shape (N,), int32
        Their source: the first atom of each atom's crystal, or the atom that it is
        merged with.
    n_edges : Tensor of shape (N, 1)
        Their number for each atom.
    bond : Tensor of shape (1, n_basis)
        Their bond features.
    """

    first_atom: Tensor
    n_edges: Tensor
    bond: Tensor


class NormedConvolution(nn.Module):
    """Gated messages, normalised before the gate and after their sum.

    Parameters
    ----------
    hidden_dim : int
        Width F of the atom features.
    n_basis : int
        Width of the bond features.
    """

    def __init__(self, hidden_dim: int, n_basis: int) -> None:
        super().__init__()
        self.joint = nn.Linear(2 * hidden_dim + n_basis, 2 * hidden_dim)
        self.norm_message = FixedBatchNorm(2 * hidden_dim)
        self.norm_sum = FixedBatchNorm(hidden_dim)

    def forward(
        self,
        x: Tensor,
        bond: Tensor,
        batch: GraphBatch,
        weight: Tensor,
        missing: MissingNeighbors,
    ) -> Tensor:
        """Atoms (N, F), bond features (D, n_basis), weights (E,) to messages (N, F)."""
        # A norm of fixed statistics is affine, and so part of the map before it, which
        # is a sum of maps of atoms, of neighbours and of distances.
        scale, shift = self.norm_message.affine()
        of_center, of_source, of_bond = (scale[:, None] * self.joint.weight).split(
            [x.shape[1], x.shape[1], bond.shape[1]], dim=1
        )
        center = F.linear(x, of_center, scale * self.joint.bias + shift)
        source = F.linear(x, of_source)
        total = gated_sum(center, source, F.linear(bond, of_bond), batch, weight)
        gate, core = (
            center
            + source.index_select(0, missing.first_atom)
            + F.linear(missing.bond, of_bond)
        ).chunk(2, dim=1)
        total = total + missing.n_edges * gate.sigmoid() * F.softplus(core)
        return self.norm_sum(total)


class FixedBatchNorm(nn.Module):
    """Batch norm with fixed statistics and trainable scale and shift.

    Parameters
    ----------
    n_features : int
        Number of features F.
    """

    _eps = 1e-5  # torch's, which the published network uses

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_features))
        self.bias = nn.Parameter(torch.zeros(n_features))
        self.register_buffer("running_mean", torch.zeros(n_features))
        self.register_buffer("running_var", torch.ones(n_features))

    def affine(self) -> tuple[Tensor, Tensor]:
        """Factor and summand, each (F,), of the whole norm."""
        scale = self.weight * (self.running_var + self._eps).rsqrt()
        return scale, self.bias - self.running_mean * scale

    def forward(self, x: Tensor) -> Tensor:
        """Normalise rows (R, F)."""
        scale, shift = self.affine()
        return x * scale + shift


class ElementVectors(nn.Module):
    """Linear map of given element vectors.

    Parameters
    ----------
    n_features : int
        Length of the given vectors.
    hidden_dim : int
        Length of the vectors that they are mapped to.

    Attributes
    ----------
    features : Tensor of shape (119, n_features)
        By atomic number. NaN where an element has none, and so are predictions for its
        crystals.
    """

    features: Tensor

    def __init__(self, n_features: int, hidden_dim: int) -> None:
        super().__init__()
        shape = N_ELEMENTS + 1, n_features
        self.register_buffer("features", torch.full(shape, float("nan")))
        self.linear = nn.Linear(n_features, hidden_dim)

    def lacking(self, atomic_numbers: NDArray) -> NDArray[np.bool_]:
        """Mask of the atomic numbers (N,) without a vector."""
        return self.features[:, 0].isnan().cpu().numpy()[atomic_numbers]

    def forward(self, atomic_numbers: Tensor) -> Tensor:
        """Atomic numbers (N,) to (N, hidden_dim)."""
        # Rows first: in a map of the whole table, NaN would reach its gradient.
        return self.linear(self.features.index_select(0, atomic_numbers))


class SoftplusHead(AnyHead):
    """Head with a softplus before each linear map, and dropout after the first map.

    Parameters
    ----------
    hidden_dim : int
        Width F of the features.
    head_dim : int
        Width H of the hidden layers.
    n_hidden : int
        Number of hidden layers.
    n_outputs : int
        Number of outputs K.
    """

    def __init__(
        self, hidden_dim: int, head_dim: int, n_hidden: int, n_outputs: int
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(hidden_dim, head_dim)
        self.more = nn.ModuleList(
            nn.Linear(head_dim, head_dim) for _ in range(n_hidden - 1)
        )
        self.out = nn.Linear(head_dim, n_outputs)

    def forward(self, x: Tensor, dropout: Dropout = no_dropout) -> Tensor:
        """Features (R, F) of crystals or atoms to outputs (R, K)."""
        return self._outputs(dropout(self._hidden(x)))

    def sample(self, x: Tensor, masks: Tensor) -> Tensor:
        """Features (R, F) to outputs under each of S masks, (R, S, K).

        Masks are of shape (2, S, H), as ``DropoutMasks.head``; the second is used.
        """
        return self._outputs(self._hidden(x)[:, None] * masks[1])

    def _hidden(self, x: Tensor) -> Tensor:
        return F.softplus(self.hidden(F.softplus(x)))

    def _outputs(self, x: Tensor) -> Tensor:
        for layer in self.more:
            x = F.softplus(layer(x))
        return self.out(x)


def _n_within(within: Tensor, batch: GraphBatch) -> Tensor:
    """Sum over the edges (E,) of each atom, with multiplicities, (N, 1)."""
    if batch.edge_weight is not None:
        within = within * batch.edge_weight
    return segment_sum(within[:, None], batch.edge_ptr, batch.target)
