"""Tabulated features of elements."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

N_ELEMENTS = 118

# Keys of pymatgen's element table. All are known for most elements; where one is
# missing, the mean over the others stands in.
_PROPERTIES = (
    "X",  # Pauling electronegativity
    "Atomic radius",
    "Van der waals radius",
    "Ionization energies",  # the first
    "Electron affinity",
    "Mendeleev no",
    "Molar volume",
    "Atomic mass",
)


class ElementEmbedding(nn.Module):
    """Element embedding: a linear map of tabulated properties, plus a correction.

    Corrections start at zero, so an element absent from training has the vector of its
    group, row, block and properties.

    Parameters
    ----------
    hidden_dim : int
        Length of the vectors.
    """

    features: Tensor

    def __init__(self, hidden_dim: int) -> None:
        super().__init__()
        # A copy in the state, so that a saved network does not change with the table
        self.register_buffer("features", torch.from_numpy(element_features()))
        self.of_features = nn.Linear(self.features.shape[1], hidden_dim)
        self.correction = nn.Embedding(N_ELEMENTS + 1, hidden_dim)
        nn.init.zeros_(self.correction.weight)

    def forward(self, atomic_numbers: Tensor) -> Tensor:
        """Atomic numbers (N,) to (N, hidden_dim)."""
        vectors = self.of_features(self.features) + self.correction.weight
        return nn.functional.embedding(atomic_numbers, vectors)


@cache
def element_features() -> NDArray[np.float32]:
    """Table of elements: standardised properties, and group, row and block one-hot.

    Returns
    -------
    ndarray of shape (119, 37), float32
        By atomic number; row 0 is empty. One-hot entries are 2, so that they weigh as
        much as the properties.
    """
    from pymatgen.core import Element

    properties = np.full((N_ELEMENTS + 1, len(_PROPERTIES)), np.nan)
    places = np.zeros((N_ELEMENTS + 1, 18 + 7 + 4), np.float32)
    for z in range(1, N_ELEMENTS + 1):
        element = Element.from_Z(z)
        table = element.data
        properties[z] = [_number(table.get(key)) for key in _PROPERTIES]
        places[z, element.group - 1] = 2
        places[z, 18 + element.row - 1] = 2
        places[z, 25 + "spdf".index(element.block)] = 2
    properties -= np.nanmean(properties, axis=0)
    properties /= np.nanstd(properties, axis=0)
    properties[0] = 0
    return np.hstack([np.nan_to_num(properties), places]).astype(np.float32)


def _number(value: object) -> float:
    if isinstance(value, list):
        value = value[0] if value else None
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):  # None, or "no data" in older tables
        return np.nan
