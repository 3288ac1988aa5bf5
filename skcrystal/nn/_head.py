"""What maps features to targets, and its dropout."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Head(nn.Module):
    """Two linear maps with a SiLU between them, features dropped before each.

    Features are dropped for a crystal as a whole. Atoms that stand for different
    numbers of sites, or for none but themselves, then see the same dropout: merging
    equal atoms, or repeating the cell, changes nothing.

    Parameters
    ----------
    hidden_dim : int
        Width F of the features.
    n_targets : int
        Number of outputs T.
    dropout : float
        Probability of dropping a feature.
    """

    def __init__(self, hidden_dim: int, n_targets: int, dropout: float) -> None:
        super().__init__()
        self.dropout = dropout
        self.hidden = nn.Linear(hidden_dim, hidden_dim)
        self.out = nn.Linear(hidden_dim, n_targets)

    def forward(self, x: Tensor, crystal: Tensor | None = None, n: int = 0) -> Tensor:
        """Features (R, F) to targets (R, T).

        Rows are crystals, or atoms of `n` crystals if `crystal` (R,) says of which.
        """
        x = self._drop(x, crystal, n)
        return self.out(self._drop(F.silu(self.hidden(x)), crystal, n))

    def _drop(self, x: Tensor, crystal: Tensor | None, n: int) -> Tensor:
        if not (self.training and self.dropout):
            return x
        if crystal is None:
            return F.dropout(x, self.dropout)
        mask = F.dropout(x.new_ones(n, x.shape[1]), self.dropout)
        return x * mask.index_select(0, crystal)

    def draw_masks(self, n_samples: int, seed: int) -> Tensor:
        """Draw what `sample` drops, (2, S, F): zero, or the inverse of what is kept.

        A sample is one thinned network, the same for every crystal.
        """
        generator = torch.Generator().manual_seed(seed)
        kept = 1.0 - self.dropout
        shape = (2, n_samples, self.hidden.in_features)
        masks = torch.bernoulli(torch.full(shape, kept), generator=generator) / kept
        return masks.to(self.out.weight.device)

    def sample(self, x: Tensor, masks: Tensor) -> Tensor:
        """Features (R, F) to targets of each thinned network, (R, S, T)."""
        x = F.silu(self.hidden(x[:, None] * masks[0]))
        return self.out(x * masks[1])
