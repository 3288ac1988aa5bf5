"""Data sets: ``load_*`` ships with the package, ``fetch_*`` downloads once."""

from ._cgcnn_checkpoints import fetch_cgcnn_checkpoint
from ._pbe_prototypes import load_pbe_prototypes

__all__ = ["fetch_cgcnn_checkpoint", "load_pbe_prototypes"]
