"""Data sets: ``load_*`` ships with the package, ``fetch_*`` downloads once."""

from ._cgcnn_checkpoints import fetch_cgcnn_checkpoint
from ._cif_folder import read_cif_folder
from ._duplicates import find_duplicates
from ._filters import filter_by_range
from ._jarvis import fetch_jarvis
from ._matbench import fetch_matbench
from ._materials_project import fetch_materials_project
from ._metallic_glass import fetch_metallic_glass
from ._outliers import find_outliers
from ._parsing import parse_structures
from ._pbe_prototypes import load_pbe_prototypes
from ._table import read_table

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
