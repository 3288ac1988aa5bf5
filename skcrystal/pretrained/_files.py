"""Predictions for files of crystals, laid out for a terminal."""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import pandas as pd
from pymatgen.core import Structure

from ..estimators.saving._save import read_about
from ..utils._warnings import unseen_elements_expected
from ._predict import Loaded, load, tabulate

_LONGEST_NOTE = 150  # characters
_FINEST = {"eV": 3, "eV/atom": 3}  # decimals on the screen: no model resolves 1 meV
_CIF_SUMMARY = "Issues encountered while parsing CIF: "


class _NoModel(Exception):
    """There is no model to predict with."""


def predict_files(files: Sequence[str], model: str, csv: str | None) -> int:
    """Print predictions for files of crystals.

    Parameters
    ----------
    files : sequence of str
    model : str
        Name of a model of the package, or folder of a saved one.
    csv : str or None
        File to write the table to.

    Returns
    -------
    int
        Exit status: 0, or 1 if a file could not be used, or 2 if the model or the table
        could not be read or written.
    """
    try:
        return _predict(files, model, csv)
    except (OSError, _NoModel) as error:
        _tell(f"error: {error}")
        return 2


def _predict(files: Sequence[str], model: str, csv: str | None) -> int:
    try:
        about, loaded = read_about(model), load(model)
    except ValueError as error:
        raise _NoModel(error) from error
    tried = [(file, _read(file)) for file in files]
    read = [(file, crystal) for file, crystal in tried if crystal is not None]
    _tell_unseen(read, (about["trained_on"] or {}).get("elements"))
    done, table = _predict_each(read, loaded)
    if done:
        formulas = [crystal.composition.reduced_formula for _, crystal in done]
        names = [file for file, _ in done]
        table = pd.concat(
            [pd.DataFrame({"file": names, "formula": formulas}), table], axis=1
        )
        print(_layout(table, about["units"] or {}))
        if csv is not None:
            table.to_csv(csv, index=False)
    return int(len(done) < len(files))


def _read(file: str) -> Structure | None:
    """The crystal of a file; None, after saying why, if there is none."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            crystal = Structure.from_file(file)
        except Exception as error:  # parsers raise anything
            _tell(f"{file}: not read: {_short(error)}")
            return None
    notes = dict.fromkeys(
        _short(note.message)
        for note in caught
        if not issubclass(note.category, DeprecationWarning | FutureWarning)
    )
    # The parser of CIF gives its warnings one by one, then all again.
    summaries = [note for note in notes if note.startswith(_CIF_SUMMARY)]
    for note in summaries or notes:
        _tell(f"{file}: note: {note.removeprefix(_CIF_SUMMARY)}")
    return crystal


def _predict_each(
    read: list[tuple[str, Structure]], loaded: Loaded
) -> tuple[list[tuple[str, Structure]], pd.DataFrame | None]:
    """Crystals with a prediction, and the table; in one call, if all are sound."""
    if not read:
        return [], None
    try:
        return read, _table([crystal for _, crystal in read], loaded)
    except (TypeError, ValueError):
        pass  # one of them, and the others shall not wait for it
    done, tables = [], []
    for file, crystal in read:
        try:
            tables.append(_table([crystal], loaded))
        except (TypeError, ValueError) as error:
            _tell(f"{file}: not predicted: {str(error).removeprefix('X[0]: ')}")
        else:
            done.append((file, crystal))
    return done, pd.concat(tables, ignore_index=True) if tables else None


def _table(crystals: list[Structure], loaded: Loaded) -> pd.DataFrame:
    with unseen_elements_expected():  # which were named file by file
        return tabulate(loaded, crystals)


def _tell_unseen(read: list[tuple[str, Structure]], known: str | None) -> None:
    if known is None:
        return
    for file, crystal in read:
        symbols = {
            element.symbol for element in crystal.composition.element_composition
        }
        if unseen := sorted(symbols - set(known.split())):
            _tell(
                f"{file}: note: the model was not trained on {', '.join(unseen)}; "
                "treat its predictions with care."
            )


def _layout(table: pd.DataFrame, units: dict[str, str]) -> str:
    """Aligned columns: file, formula, each target with its standard deviation."""
    columns = [["file", "", *table["file"]], ["formula", "", *table["formula"]]]
    for name in table.columns[2:]:
        if name.removesuffix("_std") in table and name.endswith("_std"):
            continue
        spread = table.get(f"{name}_std", [None] * len(table))
        unit = units.get(name, "")
        cells = [
            _number(value, std, _FINEST.get(unit, 9))
            for value, std in zip(table[name], spread, strict=True)
        ]
        columns.append([name.replace("_", " "), unit, *cells])
    if not any(column[1] for column in columns):
        columns = [[column[0], *column[2:]] for column in columns]
    widths = [max(map(len, column)) for column in columns]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if c < 2 else cell.rjust(width)
            for c, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in zip(*columns, strict=True)
    )


def _number(value: float, std: float | None, finest: int) -> str:
    """A value with two digits of its standard deviation, if it has one.

    Neither gets more than `finest` decimals.
    """
    if std is None:
        return f"{value:.4g}"
    digits = 3
    if math.isfinite(std) and std > 0:
        digits = min(max(1 - math.floor(math.log10(std)), 0), finest)
    return f"{value:.{digits}f} ± {std:.{digits}f}"


def _short(message: Any) -> str:
    """The first line of a message, cut where it grows long."""
    text = " ".join(str(message).split()) or type(message).__name__
    return text if len(text) <= _LONGEST_NOTE else f"{text[: _LONGEST_NOTE - 3]}..."


def _tell(text: str) -> None:
    print(f"skcrystal: {text}", file=sys.stderr)
