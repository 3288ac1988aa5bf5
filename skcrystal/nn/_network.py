"""What all crystal networks share: elements in, pooled crystal, head."""

from torch import Tensor, nn

from ._aggregate import segment_sum
from ._batch import GraphBatch
from ._elements import ElementEmbedding
from ._head import Head


class CrystalNetwork(nn.Module):
    """Base of all architectures: a subclass maps a batch to atom features.

    Parameters
    ----------
    hidden_dim : int
        Width of the atom features.
    n_targets : int
        Number of outputs T.
    dropout : float
        Probability of dropping a feature, before and inside the head.
    pooling : {"mean", "sum"}
        ``"mean"`` averages atom features and maps the crystal to its targets: for
        intensive targets. ``"sum"`` maps each atom to its share of the targets, which
        then add up exactly: for extensive ones. The network returns the mean share;
        times the number of atoms it is the sum.
    """

    def __init__(
        self, *, hidden_dim: int, n_targets: int, dropout: float, pooling: str
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.elements = ElementEmbedding(hidden_dim)
        self.head = Head(hidden_dim, n_targets, dropout)

    def atoms(self, batch: GraphBatch) -> Tensor:
        """Features of each atom in its surroundings, (N, hidden_dim)."""
        raise NotImplementedError(f"{type(self).__name__} has no atoms()")

    def embed(self, batch: GraphBatch) -> Tensor:
        """Features of each crystal, (B, hidden_dim): the mean over its atoms."""
        return mean_over_atoms(self.atoms(batch), batch)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Outputs of each crystal, (B, n_targets); per atom if pooled by sum."""
        if self.pooling == "sum":
            shares = self.head(self.atoms(batch), batch.crystal, len(batch))
            return mean_over_atoms(shares, batch)
        return self.head(self.embed(batch))

    def sample(self, batch: GraphBatch, masks: Tensor) -> Tensor:
        """Outputs under dropout, (B, S, n_targets); the layers below it run once.

        Parameters
        ----------
        batch : GraphBatch
        masks : Tensor of shape (2, S, hidden_dim)
            From ``head.draw_masks``.
        """
        if self.pooling == "sum":
            shares = self.head.sample(self.atoms(batch), masks)
            mean = mean_over_atoms(shares.flatten(1), batch)
            return mean.view(len(batch), *shares.shape[1:])
        return self.head.sample(self.embed(batch), masks)


def mean_over_atoms(x: Tensor, batch: GraphBatch) -> Tensor:
    """Mean of atom rows (N, F) over each crystal, (B, F), by atom weight."""
    weight = batch.atom_weight
    if weight is None:
        count = batch.atom_ptr.diff().to(x.dtype)
    else:
        x = x * weight[:, None]
        count = segment_sum(weight[:, None], batch.atom_ptr, batch.crystal)[:, 0]
    return segment_sum(x, batch.atom_ptr, batch.crystal) / count[:, None]
