"""The table of labels in a folder of crystals: an id a row, and its labels."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

import pandas as pd

from ._labels import RESERVED, is_number, target_list
from ._parse_text import read_text


def read_id_prop(
    folder: Path,
    id_prop: str | None,
    targets: str | Sequence[str] | None,
    ids: Collection[str],
) -> pd.DataFrame | None:
    """Labels as text, by id; None, if there is no table.

    Parameters
    ----------
    folder : Path
    id_prop : str or None
        Name of the table in the folder.
    targets : str or sequence of str, optional
        Names of its columns, or which of them to take.
    ids : collection of str
        Of the crystals that are there: a first row that is none of them may be names.

    Raises
    ------
    FileNotFoundError
        If the table is not there, although it was named or another is there.
    ValueError
        If rows are of different length, no id is that of a file, one stands twice, or
        `targets` does not fit.
    """
    path = _path(folder, id_prop)
    if path is None:
        if targets is not None:
            raise ValueError(
                f"targets={targets!r}, but {folder} has no table of labels."
            )
        return None
    rows = _rows(path)
    header = None
    if rows[0][0] not in ids and not any(is_number(cell) for cell in rows[0][1:]):
        header, *rows = rows
    if not any(row[0] in ids for row in rows):
        raise ValueError(
            f"{path}: no id there, such as {rows[0][0]!r}, is that of a file in the "
            f"folder, such as {min(ids)!r}. Ids stand first in a row, as files are "
            "named, zeros included, without the ending."
        )
    counts = Counter(row[0] for row in rows)
    twice = [name for name, n in counts.items() if n > 1]
    if twice:
        raise ValueError(
            f"{path}: {len(twice)} ids have several rows, the first {twice[0]!r}; keep "
            "one of each."
        )
    n_labels = len(header or rows[0]) - 1
    names = target_list(targets)
    columns = header[1:] if header else _columns(names, n_labels, path)
    if len(set(columns)) < len(columns):
        raise ValueError(
            f"{path}: the columns {columns} have one name twice; rename one."
        )
    unknown = [name for name in names or [] if name not in columns]
    if unknown:
        raise ValueError(
            f"targets: {path} has no column {unknown[0]!r}, only {columns}."
        )
    if names is None:
        _check_names(columns, path)
    index = pd.Index([row[0] for row in rows], dtype=object, name="id")
    table = pd.DataFrame([row[1:] for row in rows], index, columns, dtype=object)
    return table if names is None else table[names]


def _check_names(columns: list[str], path: Path) -> None:
    """Refuse a table that has a column which a Bunch has of its own, as a label."""
    for name in columns:
        if name in RESERVED:
            others = [other for other in columns if other not in RESERVED]
            raise ValueError(
                f"{path}: the column {name!r} cannot be a target, as the Bunch has "
                f"one of that name; choose others, such as targets={others}, or "
                "rename it."
            )


def _path(folder: Path, id_prop: str | None) -> Path | None:
    if id_prop is None or (folder / id_prop).is_file():
        return None if id_prop is None else folder / id_prop
    others = sorted(file.name for file in folder.glob("*.csv"))
    if id_prop != "id_prop.csv" or others:
        raise FileNotFoundError(
            f"there is no {id_prop} in {folder} (tables there: {others}); set "
            "`id_prop` to the file with labels, or to None to read crystals alone."
        )
    return None


def _rows(path: Path) -> list[list[str]]:
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(read_text(path).splitlines())
    ]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise ValueError(f"{path} is empty.")
    width = len(rows[0])
    for i, row in enumerate(rows):
        if len(row) != width or width < 2:
            raise ValueError(
                f"{path}: row {i + 1} ({','.join(row)}) has {len(row)} columns, the "
                f"first has {width}; each has an id and as many labels, with commas "
                "in between."
            )
    return rows


def _columns(names: list[str] | None, n_labels: int, path: Path) -> list[str]:
    """Names of the columns of labels, in a table that has none."""
    if names is None:
        return ["target"] if n_labels == 1 else [f"target_{i}" for i in range(n_labels)]
    if len(names) != n_labels:
        raise ValueError(
            f"targets has {len(names)} names, but {path} has {n_labels} columns of "
            "labels."
        )
    return names
