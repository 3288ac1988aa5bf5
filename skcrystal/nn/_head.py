"""What maps features to targets."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ._dropout import Drop, keep


class Head(nn.Module):
    """Two linear maps with a SiLU between them, features dropped before each.

    Parameters
    ----------
    hidden_dim : int
        Width F of the features.
    n_outputs : int
        Number of outputs K.
    """

    def __init__(self, hidden_dim: int, n_outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(hidden_dim, hidden_dim)
        self.out = nn.Linear(hidden_dim, n_outputs)

    def forward(self, x: Tensor, drop: Drop = keep) -> Tensor:
        """Features (R, F) of crystals or atoms to outputs (R, K)."""
        return self.out(drop(F.silu(self.hidden(drop(x)))))

    def sample(self, x: Tensor, masks: Tensor) -> Tensor:
        """Features (R, F) to outputs under each of S pairs of masks, (R, S, K).

        Masks are of shape (2, S, F), as ``ThinnedNetworks.head``.
        """
        x = F.silu(self.hidden(x[:, None] * masks[0]))
        return self.out(x * masks[1])
