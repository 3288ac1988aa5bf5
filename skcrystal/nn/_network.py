"""Base class of crystal networks: element embedding, pooling and head."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._any_network import AnyNetwork
from ._batch import GraphBatch
from ._dropout import CrystalDropout, Dropout, DropoutMasks, no_dropout
from ._head import AnyHead, Head, TaskHeads
from .layers._aggregate import segment_sum
from .layers._elements import ElementEmbedding
from .layers._norm import make_norm

# Of standardised targets: no label is taken to be known to better than a thousandth of
# the spread of all, so that one which is fitted exactly does not outweigh all others.
_LEAST_VARIANCE = 1e-6

# The softplus bends within half a spread of zero. Mean absolute errors of band gaps of
# unseen formulas are then those without it; with the usual one, 6 % larger (give or
# take 4, on nine splits of the prototypes).
_SHARPNESS = 2.0


class NetworkParameters(TypedDict):
    """Parameters of every `CrystalNetwork`, which architectures hand on to it."""

    hidden_dim: int
    n_targets: int
    dropout: float
    pooling: str
    dropout_conv: NotRequired[float]
    gaussian: NotRequired[bool]
    softplus_start: NotRequired[Sequence[float | None] | None]
    task_layers: NotRequired[int | None]
    norm: NotRequired[str]


class CrystalNetwork(AnyNetwork):
    """Base of all architectures: a subclass maps a batch to atom features.

    Parameters
    ----------
    hidden_dim : int
        Width of the atom features.
    n_targets : int
        Number of targets T.
    dropout : float
        Probability of dropping a feature, before and inside the head.
    pooling : {"mean", "sum", "none"}
        ``"mean"`` averages atom features and maps the crystal to its targets: for
        intensive targets. ``"sum"`` maps each atom to its share of the targets, which
        then add up exactly: for extensive ones. The network returns the mean share;
        times the number of atoms it is the sum. ``"none"`` maps each atom to targets of
        its own: rows of outputs are then the queried atoms of a batch.
    dropout_conv : float, default=0.0
        Probability of dropping a feature in each layer of message passing.
    gaussian : bool, default=False
        Whether to predict a variance of each target.
    softplus_start : sequence of T floats or None, optional
        Targets with a number are never negative: to their raw outputs the number is
        added, as a start near the labels, and the sum x passes a softplus,
        ``log(1 + exp(2 x)) / 2``.
    task_layers : int or None, default=None
        Hidden layers of a head for each target; None has one head for all.
    norm : {"layer", "batch"}, default="layer"
        Which norms of atom features the layers have, see ``make_norm``. With
        ``"batch"``, the output of the last layer is normalised as well.

    Attributes
    ----------
    n_outputs : int
        Columns K of the output: T means, then T variances if `gaussian`.
    hops : int or None
        How many edges away an atom still changes the features of another, set by
        each architecture. Large crystals are cut into subgraphs by it. None if outputs
        of subgraphs differ from those of the whole crystal.
    """

    passes_softplus: Tensor | None
    softplus_start: Tensor | None

    def __init__(
        self,
        *,
        hidden_dim: int,
        n_targets: int,
        dropout: float,
        pooling: str,
        dropout_conv: float = 0.0,
        gaussian: bool = False,
        softplus_start: Sequence[float | None] | None = None,
        task_layers: int | None = None,
        norm: str = "layer",
    ) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.norm = norm
        self.elements: nn.Module = ElementEmbedding(hidden_dim)
        self.set_outputs(
            n_targets=n_targets,
            dropout=dropout,
            dropout_conv=dropout_conv,
            pooling=pooling,
            gaussian=gaussian,
            softplus_start=softplus_start,
            task_layers=task_layers,
        )

    def set_outputs(
        self,
        *,
        n_targets: int,
        dropout: float,
        pooling: str,
        dropout_conv: float = 0.0,
        gaussian: bool = False,
        softplus_start: Sequence[float | None] | None = None,
        task_layers: int | None = None,
    ) -> None:
        """Replace the head, for other targets perhaps.

        Parameters are those of the class.
        """
        self.dropout = dropout
        self.dropout_conv = dropout_conv
        self.pooling = pooling
        self.gaussian = gaussian
        self.n_outputs = 2 * n_targets if gaussian else n_targets
        self.head = self.make_head(n_targets, task_layers)
        # Features of similar atoms share a large mean, to which each layer adds; a
        # batch norm subtracts it.
        self.readout = self.make_norm() if self.norm == "batch" else None
        passes, start = None, None
        if softplus_start is not None:
            passes = torch.tensor([number is not None for number in softplus_start])
            start = torch.tensor([float(number or 0) for number in softplus_start])
        self.register_buffer("passes_softplus", passes)
        self.register_buffer("softplus_start", start)

    def make_head(self, n_targets: int, task_layers: int | None) -> AnyHead:
        """Make the head, of features (R, hidden_dim) to outputs (R, n_outputs)."""
        if task_layers is None:
            return Head(self.hidden_dim, self.n_outputs)
        return TaskHeads(self.hidden_dim, n_targets, self.n_outputs, task_layers)

    def make_norm(self) -> nn.Module:
        """Make a norm of atom features (N, hidden_dim), to be called with the batch."""
        return make_norm(self.norm, self.hidden_dim)

    def train_trunk(self, trained: bool) -> None:
        """Make all weights trainable, or those of the head alone."""
        self.requires_grad_(trained)
        self.head.requires_grad_(True)
        if self.readout is not None:
            self.readout.requires_grad_(True)

    def atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        """Features of each atom in its surroundings, (N, hidden_dim).

        Parameters
        ----------
        batch : GraphBatch
        dropout : callable
            To be called on the update of each layer, (N, hidden_dim), or on its output
            in architectures without residual connections.
        """
        raise NotImplementedError(f"{type(self).__name__} has no atoms()")

    def read_atoms(self, batch: GraphBatch, dropout: Dropout = no_dropout) -> Tensor:
        """Features of each atom as input of the head, (N, hidden_dim)."""
        x = self.atoms(batch, dropout)
        return x if self.readout is None else self.readout(x, batch)

    def embed(self, batch: GraphBatch) -> Tensor:
        """Features of each crystal, (B, hidden_dim): the mean over its atoms."""
        return mean_over_atoms(self.atoms(batch), batch)

    def embed_atoms(self, batch: GraphBatch) -> Tensor:
        """Features of the queried atoms of a batch, (R, hidden_dim)."""
        return select_queried(self.atoms(batch), batch)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Outputs of each crystal, (B, K); per atom if pooled by sum.

        Without pooling, those of atoms, (R, K).
        """
        of_atoms = batch.crystal, len(batch)
        x = self.read_atoms(batch, self._training_dropout(self.dropout_conv, *of_atoms))
        if self.pooling == "none":
            crystal = select_queried(batch.crystal, batch)
            dropout = self._training_dropout(self.dropout, crystal, len(batch))
            return self._outputs(self.head(select_queried(x, batch), dropout))
        if self.pooling == "sum":
            shares = self.head(x, self._training_dropout(self.dropout, *of_atoms))
            return self._outputs(mean_over_atoms(shares, batch))
        x = mean_over_atoms(x, batch)
        return self._outputs(self.head(x, self._training_dropout(self.dropout)))

    def draw_masks(self, n_samples: int, seed: int) -> DropoutMasks:
        """Draw the dropout masks of S Monte Carlo samples, for `sample`."""
        return DropoutMasks(
            n_samples,
            hidden_dim=self.hidden_dim,
            dropout=self.dropout,
            dropout_conv=self.dropout_conv,
            seed=seed,
            device=next(self.parameters()).device,
        )

    def sample(self, batch: GraphBatch, masks: DropoutMasks) -> Tensor:
        """Outputs of each crystal in S Monte Carlo samples, (B, S, K); or of atoms.

        Layers below the head run once for each sample if they have dropout, and once
        for all samples otherwise.
        """
        layers = masks.layers()
        heads = masks.head.chunk(len(layers), dim=1)
        parts = [
            self._sample_head(self.read_atoms(batch, dropout), batch, head)
            for dropout, head in zip(layers, heads, strict=True)
        ]
        return self._outputs(torch.cat(parts, dim=1))

    def _sample_head(self, x: Tensor, batch: GraphBatch, masks: Tensor) -> Tensor:
        if self.pooling == "none":
            return self.head.sample(select_queried(x, batch), masks)
        if self.pooling == "sum":
            shares = self.head.sample(x, masks)
            mean = mean_over_atoms(shares.flatten(1), batch)
            return mean.view(len(batch), *shares.shape[1:])
        return self.head.sample(mean_over_atoms(x, batch), masks)

    def _training_dropout(
        self, probability: float, crystal: Tensor | None = None, n_crystals: int = 0
    ) -> Dropout:
        if not (self.training and probability):
            return no_dropout
        return CrystalDropout(probability, crystal, n_crystals)

    def _outputs(self, raw: Tensor) -> Tensor:
        """Map raw outputs (..., K) to means, and variances if `gaussian`."""
        if not self.gaussian:
            return self._means(raw)
        mean, spread = raw.chunk(2, dim=-1)
        variance = F.softplus(spread) + _LEAST_VARIANCE
        return torch.cat([self._means(mean), variance], dim=-1)

    def _means(self, raw: Tensor) -> Tensor:
        """Apply the softplus to those means (..., T) that are never negative."""
        if self.passes_softplus is None or self.softplus_start is None:
            return raw
        bent = F.softplus(raw + self.softplus_start, beta=_SHARPNESS)
        return torch.where(self.passes_softplus, bent, raw)


def select_queried(x: Tensor, batch: GraphBatch) -> Tensor:
    """Select rows of the queried atoms (R, ...) from those of all atoms (N, ...)."""
    return x if batch.query_rows is None else x.index_select(0, batch.query_rows)


def mean_over_atoms(x: Tensor, batch: GraphBatch) -> Tensor:
    """Mean of atom rows (N, F) over each crystal, (B, F), by atom weight."""
    weight = batch.atom_weight
    if weight is None:
        count = batch.atom_ptr.diff().to(x.dtype)
    else:
        x = x * weight[:, None]
        count = segment_sum(weight[:, None], batch.atom_ptr, batch.crystal)[:, 0]
    return segment_sum(x, batch.atom_ptr, batch.crystal) / count[:, None]
