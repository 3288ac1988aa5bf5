"""What all crystal networks share: elements in, pooled crystal, head."""

from torch import Tensor, nn

from ._aggregate import segment_sum
from ._batch import GraphBatch
from ._elements import ElementEmbedding


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
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, hidden_dim),
            nn.SiLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, n_targets),
        )

    def atoms(self, batch: GraphBatch) -> Tensor:
        """Features of each atom in its surroundings, (N, hidden_dim)."""
        raise NotImplementedError(f"{type(self).__name__} has no atoms()")

    def embed(self, batch: GraphBatch) -> Tensor:
        """Features of each crystal, (B, hidden_dim): the mean over its atoms."""
        return mean_over_atoms(self.atoms(batch), batch)

    def forward(self, batch: GraphBatch) -> Tensor:
        """Outputs of each crystal, (B, n_targets); per atom if pooled by sum."""
        if self.pooling == "sum":
            return mean_over_atoms(self.head(self.atoms(batch)), batch)
        return self.head(self.embed(batch))


def mean_over_atoms(x: Tensor, batch: GraphBatch) -> Tensor:
    """Mean of atom rows (N, F) over each crystal, (B, F), by atom weight."""
    weight = batch.atom_weight
    if weight is None:
        count = batch.atom_ptr.diff().to(x.dtype)
    else:
        x = x * weight[:, None]
        count = segment_sum(weight[:, None], batch.atom_ptr, batch.crystal)[:, 0]
    return segment_sum(x, batch.atom_ptr, batch.crystal) / count[:, None]
