"""Numbers out of rows that have other things, too."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class NumberColumns:
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
            values.append(_number(value))
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


def _number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return math.nan
    return number if math.isfinite(number) else math.nan
