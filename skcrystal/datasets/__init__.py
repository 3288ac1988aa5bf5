"""Data sets: ``load_*`` ships with the package."""

from ._pbe_prototypes import load_pbe_prototypes

__all__ = ["load_pbe_prototypes"]
