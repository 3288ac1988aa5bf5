"""Scores to picks."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

Picked = tuple[NDArray[np.int64], NDArray[np.float64]]


def check_n_instances(n_instances: int, X_pool: Any) -> int:
    """Check how many crystals are asked of a pool.

    Raises
    ------
    ValueError
        If fewer than one, or more than there are.
    """
    if not isinstance(n_instances, Integral) or not 1 <= n_instances <= len(X_pool):
        raise ValueError(
            f"n_instances is {n_instances!r}, but the pool has {len(X_pool)} crystals; "
            "ask for an integer from 1 to that."
        )
    return int(n_instances)


def top(scores: NDArray[np.float64], n: int) -> Picked:
    # Stable, so that ties go to the first of the pool, and results can be repeated
    indices = np.argsort(-scores, kind="stable")[:n]
    return indices, scores[indices]


def top_by_log(scores: NDArray[np.float64], n: int) -> Picked:
    # Crystals far off are told apart by the logarithm of a score that is all but zero
    indices, scores = top(scores, n)
    return indices, np.exp(scores)
