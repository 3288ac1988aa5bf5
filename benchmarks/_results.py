"""Where results are kept."""

import os
from pathlib import Path

_HERE = Path(__file__).resolve().parent
DOCS = _HERE.parent / "docs"
RECORDS = _HERE / "records"  # of the runs that docs/ tells of
# `redraw.py` has tables and figures made of records somewhere else.
FOLDER = Path(os.environ.get("SKCRYSTAL_RESULTS") or _HERE / "results")
