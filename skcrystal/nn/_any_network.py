"""Base class of all networks: the attributes and methods that estimators use."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from ._batch import GraphBatch
from ._dropout import DropoutMasks


class AnyNetwork(nn.Module):
    """Base of a network, or of several together, on batches of B crystals.

    Attributes
    ----------
    gaussian : bool
        Whether outputs are means and variances of targets, or their means alone.
    dropout, dropout_conv : float
        Probabilities of dropping a feature in the head, and in layers below it.
    hops : int or None
        Reach of message passing in edges; None if it cannot be bounded.
    norm : {"layer", "batch"}
        Norms of atom features.
    pooling : {"mean", "sum", "none"}
        How outputs of crystals are made of those of atoms; ``"none"`` gives atoms.
    """

    gaussian: bool
    dropout: float
    dropout_conv: float
    hops: int | None
    norm: str
    pooling: str
    set_outputs: Callable[..., None]

    def embed(self, batch: GraphBatch) -> Tensor:
        """Features of each crystal, (B, F)."""
        raise NotImplementedError(f"{type(self).__name__} has no embed()")

    def embed_atoms(self, batch: GraphBatch) -> Tensor:
        """Features of the queried atoms of a batch, (R, F)."""
        raise NotImplementedError(f"{type(self).__name__} has no embed_atoms()")

    def draw_masks(self, n_samples: int, seed: int) -> DropoutMasks:
        """Draw the dropout masks of S Monte Carlo samples, for `sample`."""
        raise NotImplementedError(f"{type(self).__name__} has no draw_masks()")

    def sample(self, batch: GraphBatch, masks: DropoutMasks) -> Tensor:
        """Outputs in S Monte Carlo samples, (B, S, K); of atoms if not pooled."""
        raise NotImplementedError(f"{type(self).__name__} has no sample()")

    def train_trunk(self, trained: bool) -> None:
        """Make all weights trainable, or those of the head alone."""
        raise NotImplementedError(f"{type(self).__name__} has no train_trunk()")
