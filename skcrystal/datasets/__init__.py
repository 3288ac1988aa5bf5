"""Data sets: ``load_*`` ships with the package, ``fetch_*`` downloads once."""

from ._cgcnn_checkpoints import fetch_cgcnn_checkpoint
from ._metallic_glass import fetch_metallic_glass
from ._pbe_prototypes import load_pbe_prototypes

__all__ = ["fetch_cgcnn_checkpoint", "fetch_metallic_glass", "load_pbe_prototypes"]
