"""Rows of different length, one behind the other."""

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
