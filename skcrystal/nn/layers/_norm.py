"""Norms of atom features."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .._batch import GraphBatch

NORMS = frozenset({"layer", "batch"})


class AtomLayerNorm(nn.LayerNorm):
    """Each atom by itself: the mean of its features is zero, their variance one."""

    # Norms of atoms are called with their batch, be it needed or not.
    def forward(self, x: Tensor, batch: GraphBatch) -> Tensor:  # type: ignore[override]
        """Normalise atoms (N, F)."""
        return super().forward(x)


class AtomBatchNorm(nn.Module):
    """Each feature over atoms: its mean is zero, its variance one.

    In training over the atoms of the batch, later by what was measured. Counted are
    atoms that are asked after, as often as they are; or else all, by the sites that
    they stand for. So merging equal atoms of a batch changes nothing, and what a part
    of a crystal sees of atoms around it does not count. With frozen weights it is what
    was measured in training as well.

    Where atoms are much alike, their mean is many of their deviations off zero, and
    moves by as many in a few steps of training: a running mean, which is always late,
    would not do.

    Parameters
    ----------
    n_features : int
        Number of features F.

    Attributes
    ----------
    measures : bool
        Whether means over the batches that pass in training are taken down, until
        `begin` is called again.
    """

    _eps = 1e-5
    mean: Tensor
    variance: Tensor

    def __init__(self, n_features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n_features))
        self.bias = nn.Parameter(torch.zeros(n_features))
        self.register_buffer("mean", torch.zeros(n_features))
        self.register_buffer("variance", torch.ones(n_features))
        self.measures = False
        self._n_counted: Tensor | float = 0.0

    def begin(self) -> None:
        """Begin to measure."""
        self.measures, self._n_counted = True, 0.0

    @property
    def is_frozen(self) -> bool:
        return not self.weight.requires_grad

    def forward(self, x: Tensor, batch: GraphBatch) -> Tensor:
        """Normalise atoms (N, F).

        Raises
        ------
        ValueError
            In training, if there is one atom: it has no deviation from its mean.
        """
        if not self.training or self.is_frozen:
            return self._normalise(x, self.mean, self.variance)
        if len(x) == 1:
            raise ValueError(
                'norm="batch" takes means over the atoms that pass at once, and a step '
                'has a single one; set norm="layer", or raise `batch_size`.'
            )
        count = _counts(batch, x)
        n = count.sum()
        share = (count / n)[:, None]
        mean = (share * x).sum(0)
        variance = (share * (x - mean).square()).sum(0)
        if self.measures:
            counted = self._n_counted = self._n_counted + n
            self.mean.lerp_(mean.to(self.mean), n / counted)
            self.variance.lerp_(variance.to(self.mean), n / counted)
        return self._normalise(x, mean, variance)

    def _normalise(self, x: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
        scale = self.weight * (variance + self._eps).rsqrt()
        return x * scale + (self.bias - mean * scale)


def measure_norms(network: nn.Module, batches: Iterable[GraphBatch]) -> None:
    """Let all norms over atoms measure what passes through a network, as it is now.

    Parameters
    ----------
    network : nn.Module
        Drops no features meanwhile.
    batches : iterable of GraphBatch
        Those that are trained on, or enough of them.
    """
    norms = [
        module
        for module in network.modules()
        if isinstance(module, AtomBatchNorm) and not module.is_frozen
    ]
    if not norms:
        return
    was_training = network.training
    network.eval()
    for norm in norms:
        norm.train()
        norm.begin()
    with torch.no_grad():
        for batch in batches:
            network(batch)
    for norm in norms:
        norm.measures = False
    network.train(was_training)


def _counts(batch: GraphBatch, x: Tensor) -> Tensor:
    """How often each atom counts, (N,)."""
    if batch.rows is not None:
        ones = x.new_ones(len(batch.rows))
        return x.new_zeros(len(x)).index_add_(0, batch.rows, ones)
    return x.new_ones(len(x)) if batch.atom_weight is None else batch.atom_weight


def make_norm(kind: str, n_features: int) -> nn.Module:
    """Make a norm of atom features (N, F), which is called with their batch.

    Parameters
    ----------
    kind : {"layer", "batch"}
        Over the features of each atom, or over atoms for each feature. Where all atoms
        are in much the same surroundings, what tells them apart is small beside what
        they have in common, and only the latter brings it out.
    n_features : int

    Raises
    ------
    ValueError
        If there is no such norm.
    """
    if kind not in NORMS:
        raise ValueError(f"norm={kind!r} is no norm; use one of {sorted(NORMS)}.")
    return (AtomLayerNorm if kind == "layer" else AtomBatchNorm)(n_features)
