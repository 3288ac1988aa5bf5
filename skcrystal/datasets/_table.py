"""Crystals in a column of a table."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ._labels import target_list, with_labels
from .parsing._bunch import bunch_of_parsed
from .parsing._parse import parse_structures
from .parsing._text import read_text


def read_table(
    table: str | PathLike | pd.DataFrame,
    *,
    structure_column: str = "structure",
    targets: str | Sequence[str] | None = None,
    id_column: str | None = None,
    errors: str = "raise",
    disordered: str = "error",
    n_jobs: int | None = None,
    verbose: bool | int = False,
    cache: str | PathLike | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Any:
    """Read a table that has crystals in a column.

    The column holds CIF or POSCAR text, dictionaries of pymatgen's or JARVIS's form (or
    their JSON), ASE Atoms or Structures, as matminer's tables do; forms are recognised
    by its content.

    Parameters
    ----------
    table : str, Path or DataFrame
        A DataFrame, or a file: ``.csv`` or ``.tsv``; ``.json`` as a list of records, or
        with columns and data as pandas and matminer write it; ``.jsonl`` with a record
        a line; each of them also with ``.gz``, ``.bz2`` or ``.xz``; or ``.parquet``,
        which needs pyarrow (``pip install skcrystal[table]``).
    structure_column : str, default="structure"
        Column with the crystals.
    targets : str or sequence of str, optional
        Columns with labels. None: the crystals have none.
    id_column : str, optional
        Column that names the crystals; it becomes the index. By default the index of
        the DataFrame, or row numbers from 0.
    errors : {"raise", "skip"}, default="raise"
        How to treat crystals that cannot be read: raise one error that lists them,
        or leave them out and warn.
    disordered : {"error", "keep"}, default="error"
        Whether a crystal with partial occupancies counts as one that cannot be read:
        no graph can be made of it.
    n_jobs : int, optional
        Number of joblib workers that parse text.
    verbose : bool or int, default=False
        Whether to show a progress bar.
    cache : str or Path, optional
        Cache folder for the crystal of each text: reading again then takes a
        fraction of the time.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give `data` as a Series and `target` as a DataFrame (a Series, if there is one
        target).

    Returns
    -------
    data : Bunch
        data : list (or Series) of n pymatgen Structures
        target : ndarray (or DataFrame) of shape (n,) or (n, n_targets)
            In the table's units. NaN where missing; None without `targets`. A single
            target in words or truth values holds classes; among several targets, truth
            values are 1 and 0.
        target_names : list of str
        groups : ndarray of shape (n,)
            Reduced formulas.
        frame : DataFrame
            The table. Crystals are in "structure", reduced formulas in "formula", in
            the place of a column of that name.
        failed_ : dict
            Why a crystal was left out, by id.
        remarks_ : dict
            Guesses and repairs of pymatgen, by id.
        DESCR : str
    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a column is missing, crystals cannot be read and ``errors="raise"``, an
        id stands twice, or a label is not a number; the message has column, row and
        value.
    ImportError
        If a parquet file is given and pyarrow is not installed.

    Examples
    --------
    >>> from skcrystal.datasets import load_pbe_prototypes, read_table
    >>> frame = load_pbe_prototypes().frame
    >>> bunch = read_table(frame, targets="band_gap")
    >>> len(bunch.data), bunch.target.shape
    (1097, (1097,))
    """
    source = "a table"
    if isinstance(table, pd.DataFrame):
        frame = table.copy(deep=False)
    else:
        frame, source = read_table_file(table, id_column, structure_column), str(table)
    names = target_list(targets, structure_column) or []
    for argument, columns in (
        ("structure_column", [structure_column]),
        ("id_column", [] if id_column is None else [id_column]),
        ("targets", names),
    ):
        _check_columns(frame, argument, columns)
    if id_column is not None and id_column in (structure_column, *names):
        raise ValueError(
            f"id_column={id_column!r} is the column with crystals or a target, too; a "
            "column has one use."
        )
    if id_column is not None:
        frame = frame.set_index(id_column)
    repeated = frame.index[frame.index.duplicated()]
    if len(repeated):
        raise ValueError(
            f"{len(repeated)} rows have the name of another, the first "
            f"{repeated[0]!r}; set `id_column`, or call reset_index(drop=True) first."
        )
    frame = with_labels(frame, names)
    parsed = parse_structures(
        frame[structure_column].tolist(),
        names=[_row_name(name) for name in frame.index],
        errors=errors,
        disordered=disordered,
        n_jobs=n_jobs,
        verbose=verbose,
        cache=cache,
    )
    return bunch_of_parsed(
        frame.drop(columns=structure_column),
        parsed,
        names,
        source=source,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _check_columns(frame: pd.DataFrame, argument: str, names: Sequence[str]) -> None:
    for name in names:
        if name not in frame.columns:
            raise ValueError(
                f"{argument}: the table has no column {name!r}, only "
                f"{list(frame.columns)}."
            )
        if isinstance(frame[name], pd.DataFrame):
            raise ValueError(
                f"{argument}: the table has several columns {name!r}; rename or drop "
                "all but one."
            )


def _row_name(name: Any) -> str:
    return name if isinstance(name, str) else f"row {name}"


_PACKED = {".gz", ".bz2", ".xz"}


def read_table_file(
    path: str | PathLike, id_column: str | None, structure_column: str
) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        Its ending decides on the format.
    id_column, structure_column : str
        Columns that stay text.

    Raises
    ------
    ValueError
        If the file is of no known kind, or holds no table.
    ImportError
        If pyarrow is needed and missing.
    """
    path = Path(path)
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in _PACKED:
        endings.pop()
    kind = endings[-1] if endings else ""
    if kind == ".parquet":
        return _read_parquet(path)
    if kind in (".csv", ".tsv"):
        return _read_csv(path, kind, {id_column, structure_column, "formula"})
    if kind == ".json":
        return _frame_of_json(json.loads(read_text(path)), path)
    if kind in (".jsonl", ".ndjson"):
        lines = read_text(path).splitlines()
        return pd.DataFrame([json.loads(line) for line in lines if line.strip()])
    raise ValueError(
        f"{path}: the ending is unknown; it may be .csv, .tsv, .json, .jsonl "
        "(each also packed with .gz, .bz2 or .xz) or .parquet."
    )


def _read_csv(path: Path, kind: str, texts: set[str | None]) -> pd.DataFrame:
    # Sodium nitride's formula reads "NaN", and ids have leading zeros: text first.
    separator = "," if kind == ".csv" else "\t"
    text = io.StringIO(read_text(path))
    try:
        frame = pd.read_csv(text, sep=separator, dtype=str, keep_default_na=False)
    except ValueError as error:  # of pandas' parser, which does not know the file
        raise ValueError(
            f"{path} is not a table with {separator!r} between columns: "
            f"{str(error).strip()}"
        ) from error
    for name in frame.columns:
        if name not in texts:
            frame[name] = _numbers_if_all(frame[name])
    return frame


def _numbers_if_all(column: pd.Series) -> pd.Series:
    """Make numbers of a column of numbers and blanks; leave any other alone."""
    there = column[column.str.strip() != ""]
    try:
        numbers = there.astype(np.float64)
    except ValueError:
        return column
    if not len(there) or not np.isfinite(numbers).any():
        return column
    if (
        len(there) == len(column)
        and (there.str.fullmatch(r"\s*[+-]?\d{1,18}\s*")).all()
    ):
        return column.astype(np.int64)
    return numbers.reindex(column.index)


def _read_parquet(path: Path) -> pd.DataFrame:
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except ImportError as error:
        raise ImportError(
            "parquet needs pyarrow: pip install skcrystal[table]"
        ) from error


def _frame_of_json(content: Any, path: Path) -> pd.DataFrame:
    if isinstance(content, list):
        return pd.DataFrame(content)
    if isinstance(content, dict):
        if content.get("@class") == "DataFrame":  # monty writes pandas' JSON as text
            content = content["data"]
            content = json.loads(content) if isinstance(content, str) else content
        if {"columns", "data"} <= set(content):
            columns = content["columns"]
            rows = [dict(zip(columns, row, strict=True)) for row in content["data"]]
            return pd.DataFrame(rows, index=content.get("index"))
        columns = list(content.values())
        if columns and all(isinstance(column, list) for column in columns):
            cells = zip(*columns, strict=True)
            return pd.DataFrame([dict(zip(content, row, strict=True)) for row in cells])
        if columns and all(isinstance(column, dict) for column in columns):
            index = list(columns[0])
            rows = [{k: v.get(i) for k, v in content.items()} for i in index]
            return pd.DataFrame(rows, index=index)
    raise ValueError(
        f"{path}: this JSON is not a table: a list of records, or columns and data, "
        "are expected."
    )
