"""Dropout of features for a crystal as a whole.

Merged atoms stand for different numbers of sites, and all of them see the same dropout:
merging equal atoms, or repeating the cell, changes neither training nor prediction.
Networks are given a `Dropout` to call on features; whether it is that of training, of a
Monte Carlo sample, or none is decided in this module alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

Dropout = Callable[[Tensor], Tensor]
"""Maps features (R, F) to features of which some are zero, the others scaled up."""


def no_dropout(x: Tensor) -> Tensor:
    """Return features (R, F) unchanged."""
    return x


@dataclass(frozen=True)
class CrystalDropout:
    """Dropout of training: a new mask for each crystal at each call.

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


class SampleDropout:
    """Dropout in the layers of one Monte Carlo sample: one mask for all crystals.

    Each call draws the mask of the next layer. An object serves for one batch; a new
    one of equal seed draws the same masks for the next batch.

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
        mask = draw_factors((x.shape[1],), self.probability, self._generator)
        return x * mask.to(x.device)


class DropoutMasks:
    """Masks of S Monte Carlo samples, each the same for every crystal.

    Parameters
    ----------
    n_samples : int
        Number of samples S.
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
        n_samples: int,
        *,
        hidden_dim: int,
        dropout: float,
        dropout_conv: float,
        seed: int,
        device: torch.device,
    ) -> None:
        generator = torch.Generator().manual_seed(seed)
        shape = (2, n_samples, hidden_dim)
        self.head = draw_factors(shape, dropout, generator).to(device)
        self._dropout_conv = dropout_conv
        seeds = torch.randint(2**31 - 1, (n_samples,), generator=generator)
        self._seeds = seeds.tolist()

    def layers(self) -> list[Dropout]:
        """Dropout of the layers for one batch: S of them, or one if it is off there."""
        if self._dropout_conv == 0:
            return [no_dropout]
        return [SampleDropout(self._dropout_conv, seed) for seed in self._seeds]


def draw_factors(
    shape: tuple[int, ...], probability: float, generator: torch.Generator
) -> Tensor:
    """Draw factors: zero with a probability, else the inverse of its complement."""
    complement = 1.0 - probability
    draws = torch.bernoulli(torch.full(shape, complement), generator=generator)
    return draws / complement
