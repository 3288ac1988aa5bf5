"""A network for each target, kept alike."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ._batch import GraphBatch
from ._dropout import ThinnedNetworks
from ._head import ModuleList, side_by_side
from ._network import CrystalNetwork


class TaskNetworks(nn.Module):
    """One network for each target, whose trunks are pulled towards each other [1]_.

    All trunks start alike, since the features of one are those of another in some other
    order otherwise, and a distance between their weights means nothing.

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

    # What estimators ask of any network

    @property
    def gaussian(self) -> bool:
        return self.networks[0].gaussian

    @property
    def dropout(self) -> float:
        return self.networks[0].dropout

    @property
    def dropout_conv(self) -> float:
        return self.networks[0].dropout_conv

    @property
    def hops(self) -> int | None:
        return self.networks[0].hops

    @property
    def norm(self) -> str:
        return self.networks[0].norm

    @property
    def pooling(self) -> str:
        return self.networks[0].pooling

    def forward(self, batch: GraphBatch) -> Tensor:
        """Outputs of each crystal, (B, K)."""
        return side_by_side([network(batch) for network in self.networks])

    def embed(self, batch: GraphBatch) -> Tensor:
        """Features of each crystal in all trunks, (B, T * hidden_dim)."""
        return torch.cat([network.embed(batch) for network in self.networks], dim=1)

    def embed_rows(self, batch: GraphBatch) -> Tensor:
        """Features of atoms asked after in all trunks, (R, T * hidden_dim)."""
        return torch.cat([network.embed_rows(batch) for network in self.networks], 1)

    def thin(self, n_networks: int, seed: int) -> ThinnedNetworks:
        """Draw thinned networks for `sample`, the same for every target."""
        return self.networks[0].thin(n_networks, seed)

    def sample(self, batch: GraphBatch, thinned: ThinnedNetworks) -> Tensor:
        """Outputs of each crystal from S thinned networks, (B, S, K)."""
        samples = [network.sample(batch, thinned) for network in self.networks]
        return side_by_side(samples)

    def train_trunk(self, trained: bool) -> None:
        """Let training change all weights, or those of the heads alone."""
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
        """Put new heads on trunks: each target takes one, the first any beyond them."""
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
