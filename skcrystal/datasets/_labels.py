"""Labels out of a table: numbers, or classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

RESERVED = "structure", "formula"  # columns that every Bunch's frame has
_MISSING = {"", "nan", "none", "null", "na", "n/a"}  # in lower case


def with_labels(frame: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Make numbers of the columns that are targets, NaN where there is none.

    Parameters
    ----------
    frame : DataFrame
        Entries of any kind: text, numbers, None.
    names : sequence of str
        Its columns with labels. One alone may hold classes, which stay as they are.

    Raises
    ------
    ValueError
        If a label is not a number, or infinite. The message has its column and row.
    """
    for name in names:
        column = frame[name]
        numbers = [_number(value) for value in column]
        wrong = [i for i, number in enumerate(numbers) if number is None]
        # A few words among numbers are mistakes, numbers among words are classes.
        n_labels = sum(number is None or number == number for number in numbers)
        if wrong and len(names) == 1 and 2 * len(wrong) > n_labels:
            return _assigned(frame, name, _classes(column))
        if wrong:
            value = column.iloc[wrong[0]]
            raise ValueError(
                f"column {name!r}, row {frame.index[wrong[0]]!r}: {value!r} is not a "
                f"number ({len(wrong)} such entries). Leave missing labels empty; "
                "classes in words may only be a target by themselves."
            )
        flags = any(isinstance(value, bool | np.bool_) for value in column)
        if flags and len(names) == 1:
            return _assigned(frame, name, _classes(column))
        frame = _assigned(frame, name, np.array(numbers, dtype=np.float64))
        _check_finite(frame[name])
    return frame


def _assigned(frame: pd.DataFrame, name: Any, column: Any) -> pd.DataFrame:
    """A table with another column; unlike `assign`, any kind of name works."""
    frame = frame.copy(deep=False)
    frame[name] = column
    return frame


def is_number(text: str) -> bool:
    """Whether a cell of a table could be a label: a number, or a missing one."""
    return bool(text) and _number(text) is not None


def target_list(
    targets: str | Sequence[str] | None, structure_column: str = "structure"
) -> list[str] | None:
    """Names of targets as a list.

    Raises
    ------
    ValueError
        If a name stands twice, or is one that the table of a Bunch needs.
    """
    if targets is None:
        return None
    names = [targets] if isinstance(targets, str) else list(targets)
    for name in names:
        if names.count(name) > 1 or name in (*RESERVED, structure_column):
            raise ValueError(
                f"targets={names}: {name!r} stands there twice, or is the name of the "
                "column with crystals or formulas."
            )
    return names


def _number(value: Any) -> float | None:
    if value is None or value is pd.NA:
        return np.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        missing = isinstance(value, str) and value.strip().lower() in _MISSING
        return np.nan if missing else None


def _classes(column: pd.Series) -> pd.Series:
    """Classes, None where there is none; truth values alone keep their type."""
    if column.dtype == bool:
        return column
    values = [value.strip() if isinstance(value, str) else value for value in column]
    for name, value in zip(column.index, values, strict=True):
        if not pd.api.types.is_scalar(value):
            raise ValueError(
                f"column {column.name!r}, row {name!r}: a {type(value).__name__} is "
                "neither number nor class."
            )
    values = [None if pd.isna(value) or value == "" else value for value in values]
    return pd.Series(values, column.index, dtype=object)


def _check_finite(column: pd.Series) -> None:
    infinite = np.flatnonzero(np.isinf(column.to_numpy()))
    if len(infinite):
        raise ValueError(
            f"column {column.name!r}, row {column.index[infinite[0]]!r}: "
            f"{column.iloc[infinite[0]]} is infinite. Leave missing labels empty."
        )


class NumericColumns:
    """Collects the columns of rows that hold numbers, or text of numbers.

    Any other text ("na", for not available) is NaN. So are "nan" and "inf", which are
    formulas where anyone writes them: of sodium nitride and indium fluoride.
    """

    def __init__(self) -> None:
        self._n_rows = 0
        self._values: dict[str, list[float]] = {}

    def add(self, row: Mapping[str, Any]) -> None:
        """Add a row; it may lack columns, or have new ones."""
        for key, value in row.items():
            if isinstance(value, list | dict):
                continue
            values = self._values.setdefault(key, [])
            values += [math.nan] * (self._n_rows - len(values))
            values.append(_finite_number(value))
        self._n_rows += 1

    def table(self) -> dict[str, NDArray[np.float64]]:
        """Give the columns that hold a number, each of shape (n_rows,)."""
        table = {}
        for key, values in self._values.items():
            column = np.full(self._n_rows, np.nan)
            column[: len(values)] = values
            if not np.isnan(column).all():
                table[key] = column
        return table


def _finite_number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan
