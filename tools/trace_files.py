"""Count the files of the package that a fit and a prediction pass through.

    python tools/trace_files.py [--list]

For each of two runs on 24 crystals that are graphs already, prints the number of files
of skcrystal that are visited, of functions called, and of changes of file: calls of a
function in another file than that of the call before. Generator expressions count as
part of the function around them, and only the calling thread counts. ``--list`` adds
the files in order of their first visit.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, NamedTuple

import skcrystal
from skcrystal import CGCNNRegressor, CrystalGraphTransformer
from skcrystal.datasets import load_pbe_prototypes

PACKAGE = Path(skcrystal.__file__).parent


class Trace(NamedTuple):
    """Files visited, in order, and numbers of functions and of changes of file."""

    files: list[str]
    n_functions: int
    n_changes: int


def trace(run: Callable[[], Any]) -> Trace:
    """Count the calls of functions of the package in a run."""
    files: dict[str, None] = {}
    codes: set[CodeType] = set()
    last, n_changes = None, 0

    def note(frame: FrameType, event: str, argument: Any) -> None:
        nonlocal last, n_changes
        code = frame.f_code
        ours = code.co_filename.startswith(f"{PACKAGE}/")
        if event != "call" or not ours or code.co_name == "<genexpr>":
            return
        codes.add(code)
        files.setdefault(code.co_filename)
        n_changes += last not in (None, code.co_filename)
        last = code.co_filename

    sys.setprofile(note)
    try:
        run()
    finally:
        sys.setprofile(None)
    names = [str(Path(file).relative_to(PACKAGE)) for file in files]
    return Trace(names, len(codes), n_changes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--list", action="store_true", help="names of the files, too")
    arguments = parser.parse_args()
    crystals, y = load_pbe_prototypes(return_X_y=True)
    graphs, y = CrystalGraphTransformer().fit_transform(crystals[:24]), y[:24, 0]

    def model() -> CGCNNRegressor:
        return CGCNNRegressor(max_epochs=1, dropout=0.1, random_state=0, device="cpu")

    # Once before, so that nothing is imported or filled on the way.
    fitted = model().fit(graphs, y)
    fitted.predict(graphs, return_std=True)
    fresh = model()
    runs = {
        "fit": lambda: fresh.fit(graphs, y),
        "predict(return_std=True)": lambda: fitted.predict(graphs, return_std=True),
    }
    for name, run in runs.items():
        found = trace(run)
        print(
            f"{name}: {len(found.files)} files, {found.n_functions} functions, "
            f"{found.n_changes} changes of file"
        )
        if arguments.list:
            print("".join(f"    {file}\n" for file in found.files), end="")


if __name__ == "__main__":
    main()
