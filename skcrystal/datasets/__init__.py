"""Data sets: ``load_*`` ships with the package, ``fetch_*`` downloads once."""

from ._cgcnn_checkpoints import fetch_cgcnn_checkpoint
from ._cif_folder import read_cif_folder
from ._jarvis import fetch_jarvis
from ._matbench import fetch_matbench
from ._metallic_glass import fetch_metallic_glass
from ._pbe_prototypes import load_pbe_prototypes
from ._table import read_table
from .cleaning._duplicates import find_duplicates
from .cleaning._filters import filter_by_range
from .cleaning._outliers import find_outliers
from .materials_project._fetch import fetch_materials_project
from .parsing._parse import parse_structures

__all__ = [
    "fetch_cgcnn_checkpoint",
    "fetch_jarvis",
    "fetch_matbench",
    "fetch_materials_project",
    "fetch_metallic_glass",
    "filter_by_range",
    "find_duplicates",
    "find_outliers",
    "load_pbe_prototypes",
    "parse_structures",
    "read_cif_folder",
    "read_table",
]
