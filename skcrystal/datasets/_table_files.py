"""Files with tables, as DataFrames whose text is what the file has."""

from __future__ import annotations

import io
import json
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ._parse_text import read_text

_PACKED = {".gz", ".bz2", ".xz"}


def read_table_file(
    path: str | PathLike, id_column: str | None, structure_column: str
) -> pd.DataFrame:
    """Read a table.

    Parameters
    ----------
    path : str or Path
        Its ending says what it is.
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
        f"{path}: the ending says nothing known; it may be .csv, .tsv, .json, .jsonl "
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
            f"{path} is no table with {separator!r} between columns: "
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
        if content.get("@class") == "DataFrame":  # monty keeps pandas' JSON as text
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
        f"{path}: this JSON is no table: a list of records, or columns and data, are "
        "expected."
    )
