"""Rows of different length, one behind the other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def to_pointer(counts: NDArray) -> NDArray[np.int64]:
    """Row starts, and the end: counts (n,) to pointer (n + 1,)."""
    pointer = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=pointer[1:])
    return pointer


def ragged_arange(starts: NDArray, counts: NDArray) -> NDArray[np.int64]:
    """Concatenate ``arange(start, start + count)`` over all rows, without a loop."""
    ends = np.cumsum(counts)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(starts - (ends - counts), counts)


# Indices of ``graphs[...]``.


def rows_of(key: Any, n: int) -> int | NDArray[np.int64]:
    """Turn an index into the rows that it picks.

    Parameters
    ----------
    key : int, slice, sequence or ndarray of int or bool, or a tuple of one and ``...``
    n : int
        Number of rows there are.

    Returns
    -------
    int or ndarray of int64
        One row for a number, else an array of rows; from 0 on.

    Raises
    ------
    IndexError
        If it is out of range, or not an index of one axis.
    """
    if isinstance(key, tuple):  # scikit-learn indexes arrays as X[rows, ...]
        rows = [k for k in key if k is not Ellipsis]
        if len(rows) != 1:
            raise IndexError(f"CrystalGraphs has one axis, but was given {key!r}.")
        key = rows[0]
    if isinstance(key, int | np.integer) and not isinstance(key, bool):
        if not -n <= key < n:
            raise IndexError(f"crystal {key} is out of range: there are {n}.")
        return int(key) % n
    if isinstance(key, slice):
        return np.arange(*key.indices(n))
    key = np.asarray(key)
    if key.dtype == bool:
        if key.shape != (n,):
            raise IndexError(f"a mask of shape {key.shape} was given for {n} crystals.")
        return np.flatnonzero(key)
    if key.ndim == 0 and np.issubdtype(key.dtype, np.integer):
        return rows_of(key.item(), n)
    if key.ndim == 0:
        raise IndexError(f"crystals are picked by number, not by {key.item()!r}.")
    if key.ndim != 1:
        raise IndexError(
            f"crystals are picked by a 1-D index; this has shape {key.shape}."
        )
    if key.size and not np.issubdtype(key.dtype, np.integer):
        raise IndexError(f"crystals are picked by number, not by {key.dtype}.")
    key = key.astype(np.int64)
    if key.size and (key.min() < -n or key.max() >= n):
        raise IndexError(
            f"crystals {key.min()} to {key.max()} are out of range: there are {n}."
        )
    return np.where(key < 0, key + n, key)
