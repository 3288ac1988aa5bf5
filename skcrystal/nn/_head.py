"""Heads: maps from features to targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar, overload

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ._dropout import Dropout, no_dropout

if TYPE_CHECKING:
    M = TypeVar("M", bound=nn.Module)

    class ModuleList(nn.ModuleList, Generic[M]):
        """``nn.ModuleList`` with the type of its entries; at run time the same."""

        def __init__(self, modules: Iterable[M] | None = None) -> None: ...

        def __iter__(self) -> Iterator[M]: ...

        @overload
        def __getitem__(self, idx: slice) -> ModuleList[M]: ...

        @overload
        def __getitem__(self, idx: int) -> M: ...

        def __getitem__(self, idx: int | slice) -> M | ModuleList[M]: ...

else:
    ModuleList = nn.ModuleList


class AnyHead(nn.Module):
    """Base of heads: features to outputs, once or under S dropout masks."""

    def sample(self, x: Tensor, masks: Tensor) -> Tensor:
        """Features (R, F) to outputs under each of S pairs of masks, (R, S, K).

        Masks are of shape (2, S, F), as ``DropoutMasks.head``.
        """
        raise NotImplementedError(f"{type(self).__name__} has no sample()")


class Head(AnyHead):
    """Linear maps with SiLU between them, dropout before the first and the last.

    Parameters
    ----------
    hidden_dim : int
        Width F of the features.
    n_outputs : int
        Number of outputs K.
    n_layers : int, default=1
        Number of hidden layers.
    """

    def __init__(self, hidden_dim: int, n_outputs: int, n_layers: int = 1) -> None:
        super().__init__()
        self.hidden = nn.Linear(hidden_dim, hidden_dim)
        self.deeper = nn.ModuleList(
            nn.Linear(hidden_dim, hidden_dim) for _ in range(n_layers - 1)
        )
        self.out = nn.Linear(hidden_dim, n_outputs)

    def forward(self, x: Tensor, dropout: Dropout = no_dropout) -> Tensor:
        """Features (R, F) of crystals or atoms to outputs (R, K)."""
        return self.out(dropout(self._hide(dropout(x))))

    def sample(self, x: Tensor, masks: Tensor) -> Tensor:
        """Features (R, F) to outputs under each of S pairs of masks, (R, S, K).

        Masks are of shape (2, S, F), as ``DropoutMasks.head``.
        """
        return self.out(self._hide(x[:, None] * masks[0]) * masks[1])

    def _hide(self, x: Tensor) -> Tensor:
        x = F.silu(self.hidden(x))
        for layer in self.deeper:
            x = F.silu(layer(x))
        return x


class TaskHeads(AnyHead):
    """A head for each target, on shared features.

    Parameters
    ----------
    hidden_dim : int
        Width F of the features.
    n_targets : int
        Number of targets T.
    n_outputs : int
        Number of outputs K of all together, the same for each target. The first of
        each come first, then the second of each.
    n_layers : int, default=1
        Number of hidden layers of each.
    """

    def __init__(
        self, hidden_dim: int, n_targets: int, n_outputs: int, n_layers: int = 1
    ) -> None:
        super().__init__()
        self.heads = ModuleList(
            Head(hidden_dim, n_outputs // n_targets, n_layers) for _ in range(n_targets)
        )

    def forward(self, x: Tensor, dropout: Dropout = no_dropout) -> Tensor:
        """Features (R, F) of crystals or atoms to outputs (R, K)."""
        return side_by_side([head(x, dropout) for head in self.heads])

    def sample(self, x: Tensor, masks: Tensor) -> Tensor:
        """Features (R, F) to outputs under each of S pairs of masks, (R, S, K)."""
        return side_by_side([head.sample(x, masks) for head in self.heads])


def side_by_side(outputs: list[Tensor]) -> Tensor:
    """Join outputs (..., k) of T targets to (..., k * T), target by target in each."""
    return torch.stack(outputs, dim=-1).flatten(-2)
