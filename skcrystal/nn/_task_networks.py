"""Soft parameter sharing: a network for each target, with similar trunks."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ._any_network import AnyNetwork
from ._batch import GraphBatch
from ._dropout import DropoutMasks
from ._head import ModuleList, side_by_side
from ._network import CrystalNetwork


def _of_first(name: str) -> Any:
    """Property with an attribute of the first network, which all of them share."""
    return property(lambda self: getattr(self.networks[0], name))


class TaskNetworks(AnyNetwork):
    """One network for each target, whose trunks are pulled towards each other [1]_.

    All trunks start from the same weights: of independent ones, features would be
    permuted, and a distance between their weights would be meaningless.

    Parameters
    ----------
    make_network : callable
        Makes a network for one target from ``softplus_start`` for it.
    n_targets : int
        Number of targets T.
    strength : float
        Factor of the penalty.
    softplus_start : sequence of T floats or None, optional
        See `CrystalNetwork`.

    References
    ----------
    .. [1] L. Duong, T. Cohn, S. Bird, P. Cook, "Low Resource Dependency Parsing:
       Cross-lingual Parameter Sharing in a Neural Network Parser", ACL 2015.
    """

    gaussian = _of_first("gaussian")
    dropout = _of_first("dropout")
    dropout_conv = _of_first("dropout_conv")
    hops = _of_first("hops")
    norm = _of_first("norm")
    pooling = _of_first("pooling")

    def __init__(
        self,
        make_network: Callable[[Sequence[float | None] | None], CrystalNetwork],
        n_targets: int,
        strength: float,
        softplus_start: Sequence[float | None] | None = None,
    ) -> None:
        super().__init__()
        starts: list[list[float | None] | None] = [None] * n_targets
        if softplus_start is not None:
            starts = [None if start is None else [start] for start in softplus_start]
        self.networks = ModuleList(make_network(start) for start in starts)
        self.strength = strength
        first = self.networks[0]
        for network in self.networks[1:]:
            network.load_state_dict(_trunk_state(first), strict=False)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Outputs of each crystal, (B, K)."""
        return side_by_side([network(batch) for network in self.networks])

    def embed(self, batch: GraphBatch) -> Tensor:
        """Features of each crystal in all trunks, (B, T * hidden_dim)."""
        return torch.cat([network.embed(batch) for network in self.networks], dim=1)

    def embed_atoms(self, batch: GraphBatch) -> Tensor:
        """Features of the queried atoms in all trunks, (R, T * hidden_dim)."""
        return torch.cat([network.embed_atoms(batch) for network in self.networks], 1)

    def draw_masks(self, n_samples: int, seed: int) -> DropoutMasks:
        """Draw dropout masks of S Monte Carlo samples, the same for all targets."""
        return self.networks[0].draw_masks(n_samples, seed)

    def sample(self, batch: GraphBatch, masks: DropoutMasks) -> Tensor:
        """Outputs of each crystal in S Monte Carlo samples, (B, S, K)."""
        samples = [network.sample(batch, masks) for network in self.networks]
        return side_by_side(samples)

    def train_trunk(self, trained: bool) -> None:
        """Make all weights trainable, or those of the heads alone."""
        for network in self.networks:
            network.train_trunk(trained)

    def penalty(self) -> Tensor:
        """Strength times the squared distance of trunks from their mean."""
        distances = []
        for weights in zip(*map(_trunk_weights, self.networks), strict=True):
            stacked = torch.stack(weights)
            distances.append((stacked - stacked.mean(dim=0)).square().sum())
        return self.strength * torch.stack(distances).sum()

    def set_outputs(
        self,
        *,
        n_targets: int,
        softplus_start: Sequence[float | None] | None = None,
        **shared: Any,
    ) -> None:
        """Replace heads; targets beyond the trunks get copies of the first one."""
        starts = [None] * n_targets if softplus_start is None else softplus_start
        trunks = list(self.networks)[:n_targets]
        trunks += [copy.deepcopy(trunks[0]) for _ in range(n_targets - len(trunks))]
        for network, start in zip(trunks, starts, strict=True):
            network.set_outputs(
                n_targets=1,
                softplus_start=None if start is None else [start],
                **shared,
            )
        self.networks = ModuleList(trunks)


def _trunk_state(network: CrystalNetwork) -> dict[str, Tensor]:
    return {
        name: value
        for name, value in network.state_dict().items()
        if not name.startswith(
            ("head.", "readout.", "softplus_start", "passes_softplus")
        )
    }


def _trunk_weights(network: CrystalNetwork) -> list[Tensor]:
    return [
        weight
        for name, weight in network.named_parameters()
        if not name.startswith(("head.", "readout."))
    ]
