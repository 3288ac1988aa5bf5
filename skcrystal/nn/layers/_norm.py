"""Normalisation of atom features."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from .._batch import GraphBatch

NORMS = frozenset({"layer", "batch"})


class AtomLayerNorm(nn.LayerNorm):
    """Layer norm: features of each atom have mean zero and variance one."""

    # All norms are called with the batch.
    def forward(self, x: Tensor, batch: GraphBatch) -> Tensor:  # type: ignore[override]
        """Normalise atoms (N, F)."""
        return super().forward(x)


class AtomBatchNorm(nn.Module):
    """Batch norm: each feature has mean zero and variance one over atoms.

    In training statistics are those of the batch, otherwise, and with frozen weights,
    the measured ones. They count queried atoms, as often as they are queried, or else
    all atoms by their multiplicities. So they do not depend on merging of equal atoms,
    nor on atoms around a subgraph.

    Where atoms are similar, their mean is many standard deviations from zero, and moves
    by as many in a few steps of training: a running mean would lag behind.

    Parameters
    ----------
    n_features : int
        Number of features F.

    Attributes
    ----------
    measures : bool
        Whether statistics of batches are accumulated in training mode, from the last
        call of `begin` on.
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
        """Start to accumulate statistics."""
        self.measures, self._n_counted = True, 0.0

    @property
    def is_frozen(self) -> bool:
        return not self.weight.requires_grad

    def forward(self, x: Tensor, batch: GraphBatch) -> Tensor:
        """Normalise atoms (N, F).

        Raises
        ------
        ValueError
            In training, if the batch has one atom, whose variance is zero.
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
    """Measure the statistics of all batch norms, with the present weights.

    Parameters
    ----------
    network : nn.Module
        Runs without dropout meanwhile.
    batches : iterable of GraphBatch
        Batches of the training set, or a sample of them.
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
    """Multiplicity of each atom in statistics, (N,)."""
    if batch.query_rows is not None:
        ones = x.new_ones(len(batch.query_rows))
        return x.new_zeros(len(x)).index_add_(0, batch.query_rows, ones)
    return x.new_ones(len(x)) if batch.atom_weight is None else batch.atom_weight


def make_norm(kind: str, n_features: int) -> nn.Module:
    """Norm of atom features (N, F), called with their batch.

    Parameters
    ----------
    kind : {"layer", "batch"}
        Over the features of each atom, or over atoms for each feature. Where all atoms
        have similar surroundings, differences of atoms are small against their mean,
        and only the latter amplifies them.
    n_features : int

    Raises
    ------
    ValueError
        If `kind` is unknown.
    """
    if kind not in NORMS:
        raise ValueError(f"norm={kind!r} is not a norm; use one of {sorted(NORMS)}.")
    return (AtomLayerNorm if kind == "layer" else AtomBatchNorm)(n_features)
