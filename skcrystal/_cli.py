"""The command line."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ._version import __version__


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command ``skcrystal``.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        0, or 1 if a file had no prediction, or 2 if the
        model or the table could not be read or written.
    """
    given = _parser().parse_args(argv)
    # Imported here, as help and version need none of torch and pymatgen.
    from .pretrained._files import predict_files

    return predict_files(given.files, given.model, given.csv)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skcrystal", description="Graph neural networks for crystals."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "predict",
        help="predict properties of crystals in files",
        description="Predict properties of crystals in files: CIF, POSCAR and "
        "others that pymatgen reads. A file that cannot be used is named, and the "
        "rest is predicted.",
    )
    command.add_argument("files", nargs="+", metavar="FILE")
    command.add_argument("--csv", metavar="FILE", help="write the table there, too")
    command.add_argument(
        "--model",
        metavar="NAME_OR_FOLDER",
        default="materials-project",
        help="a model of the package or a saved one (default: %(default)s)",
    )
    return parser
