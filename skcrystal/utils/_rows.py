"""Rows of containers of crystals or labels: taken, and stacked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def is_graphs(X: Any) -> bool:
    """Whether `X` is a `CrystalGraphs`, which lie above this package."""
    return getattr(type(X), "_is_crystal_graphs", False)


def take(X: Any, rows: NDArray[np.int64]) -> Any:
    """Rows of `X`, in the form of `X`."""
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if is_graphs(X) or isinstance(X, np.ndarray) or hasattr(X, "tocsr"):
        return X[rows]
    return [X[i] for i in rows]


def stack(parts: Sequence[Any], name: str) -> Any:
    """Put parts together, in the form of the first.

    Parameters
    ----------
    parts : sequence of CrystalGraphs, arrays, Series, DataFrames or lists
    name : str
        Of the variable, for messages.

    Raises
    ------
    ValueError
        If they do not fit together.
    """
    first, others = parts[0], parts[1:]
    if any(is_graphs(part) for part in parts):
        strange = [type(part).__name__ for part in parts if not is_graphs(part)]
        if strange:
            raise ValueError(
                f"{name} was given as CrystalGraphs and as {strange[0]}; transform the "
                "crystals first, as those before."
            )
        return type(first).concatenate(list(parts))
    if isinstance(first, pd.DataFrame | pd.Series):
        return _stack_pandas(first, others, name)
    if isinstance(first, np.ndarray):
        if first.dtype == object:
            return np.concatenate([_as_objects(part) for part in parts])
        arrays = [np.asarray(part) for part in parts]
        widths = {array.shape[1:] for array in arrays}
        if len(widths) > 1:
            raise ValueError(
                f"{name} was of shape {first.shape} before, and now of "
                f"{', '.join(str(a.shape) for a in arrays[1:])}; only the number of "
                "rows may differ."
            )
        return np.concatenate(arrays)
    # Iteration over a DataFrame yields its columns
    parts = [p.to_numpy() if isinstance(p, pd.DataFrame) else p for p in parts]
    return [row for part in parts for row in part]


def pool_for_modal(X: Any) -> Any:
    """A pool that has a ``shape``, which modAL's own strategies read."""
    return _as_objects(X) if isinstance(X, list | tuple) else X


def _stack_pandas(first: Any, others: Sequence[Any], name: str) -> Any:
    framed = []
    for part in others:
        if isinstance(first, pd.DataFrame) and not isinstance(part, pd.DataFrame):
            values = np.asarray(part)
            if values.ndim != 2 or values.shape[1] != first.shape[1]:
                raise ValueError(
                    f"{name} has the columns {list(first.columns)}, but the rows to "
                    f"add have shape {values.shape}; give (n, {first.shape[1]})."
                )
            part = pd.DataFrame(values, columns=first.columns)
        elif isinstance(first, pd.DataFrame) and list(part.columns) != list(
            first.columns
        ):
            raise ValueError(
                f"{name} has the columns {list(first.columns)}, but the rows to add "
                f"have {list(part.columns)}."
            )
        elif isinstance(first, pd.Series):
            part = _as_series(part, first, name)
        framed.append(part)
    return pd.concat([first, *framed], ignore_index=True)


def _as_series(part: Any, first: pd.Series, name: str) -> pd.Series:
    if isinstance(part, pd.Series):
        return part.rename(first.name)
    if first.dtype == object:
        return pd.Series(list(part), name=first.name, dtype=object)
    values = np.asarray(part)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(
            f"{name} is a Series, but the rows to add have shape {values.shape}; "
            "give (n,)."
        )
    return pd.Series(values, name=first.name)


def _as_objects(X: Any) -> NDArray[Any]:
    if isinstance(X, np.ndarray):
        return X
    array = np.empty(len(X), dtype=object)
    array[:] = list(X)
    return array
