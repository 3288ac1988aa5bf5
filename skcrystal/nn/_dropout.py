"""Dropout that drops features for a crystal as a whole.

Atoms that stand for different numbers of sites, or for none but themselves, then see
the same dropout: merging equal atoms, or repeating the cell, changes nothing. Networks
are handed a `Drop`, which they call wherever features may be dropped; only here is it
known what it does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Drop = Callable[[Tensor], Tensor]
"""Maps features (R, F) to features of which some are zero, the others scaled up."""


def keep(x: Tensor) -> Tensor:
    """Drop nothing."""
    return x


@dataclass(frozen=True)
class CrystalDropout:
    """What training drops: other features of each crystal, others again at each call.

    Attributes
    ----------
    probability : float
        Of dropping a feature.
    crystal : Tensor of shape (R,), int32, optional
        The crystal of each row; by default rows are crystals.
    n_crystals : int, default=0
        Their number, if `crystal` is given.
    """

    probability: float
    crystal: Tensor | None = None
    n_crystals: int = 0

    def __call__(self, x: Tensor) -> Tensor:
        """Features (R, F) with some of them dropped."""
        if self.crystal is None:
            return F.dropout(x, self.probability)
        ones = x.new_ones(self.n_crystals, x.shape[1])
        mask = F.dropout(ones, self.probability)
        return x * mask.index_select(0, self.crystal)


class ThinnedLayers:
    """What the layers of one thinned network drop: the same features of every crystal.

    Each call draws the mask of the next layer. An object serves for one batch; a new
    one of equal seed thins the next batch alike.

    Parameters
    ----------
    probability : float
        Of dropping a feature.
    seed : int
    """

    def __init__(self, probability: float, seed: int) -> None:
        self.probability = probability
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, x: Tensor) -> Tensor:
        """Features (R, F) with some columns dropped."""
        mask = draw_masks((x.shape[1],), self.probability, self._generator)
        return x * mask.to(x.device)


class ThinnedNetworks:
    """S networks that dropout thins, each the same for every crystal.

    Parameters
    ----------
    n_networks : int
        Their number S.
    hidden_dim : int
        Width F of the features.
    dropout, dropout_conv : float
        Probability of dropping a feature, in the head and in the layers below it.
    seed : int
    device : torch.device

    Attributes
    ----------
    head : Tensor of shape (2, S, F)
        Masks of the head's two maps.
    """

    def __init__(
        self,
        n_networks: int,
        *,
        hidden_dim: int,
        dropout: float,
        dropout_conv: float,
        seed: int,
        device: torch.device,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        shape = (2, n_networks, hidden_dim)
        self.head = draw_masks(shape, dropout, generator).to(device)
        self._dropout_conv = dropout_conv
        seeds = torch.randint(2**31 - 1, (n_networks,), generator=generator)
        self._seeds = seeds.tolist()

    def layers(self) -> list[Drop]:
        """What the layers drop of a batch: one a network, or one for all if nothing."""
        if self._dropout_conv == 0:
            return [keep]
        return [ThinnedLayers(self._dropout_conv, seed) for seed in self._seeds]


def draw_masks(
    shape: tuple[int, ...], probability: float, generator: torch.Generator
) -> Tensor:
    """Draw factors: zero with a probability, else the inverse of what is kept."""
    kept = 1.0 - probability
    return torch.bernoulli(torch.full(shape, kept), generator=generator) / kept
