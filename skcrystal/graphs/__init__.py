"""Crystal structures to graphs."""

from ._augmentation import augment_crystals
from ._container import CrystalGraphs
from ._settings import GraphSettings
from ._transformer import CrystalGraphTransformer

__all__ = [
    "CrystalGraphTransformer",
    "CrystalGraphs",
    "GraphSettings",
    "augment_crystals",
]
