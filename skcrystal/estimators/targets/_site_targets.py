"""Labels and predictions of sites: an array for each crystal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ...graphs._ragged import to_pointer
from ._targets import (
    Targets,
    check_values,
    default_names,
    names_of,
    read_numbers,
)


class SiteValues(list):
    """A list of arrays, one a crystal, with a row for each of its sites.

    ``numpy.concatenate`` of one joins the arrays, that of several joins the lists, as
    ``cross_val_predict`` does with predictions of folds.
    """

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        array = np.empty(len(self), dtype=object)
        for i, values in enumerate(self):  # array[:] would ask for this array again
            array[i] = values
        return array

    @classmethod
    def of(cls, rows: NDArray, ptr: NDArray) -> SiteValues:
        """Split rows (S, ...): crystal i owns ``ptr[i]:ptr[i + 1]``."""
        return cls(np.split(rows, ptr[1:-1]))


def by_crystal(targets: Targets) -> SiteValues:
    """Labels of sites, an array or a frame for each crystal, as an estimator takes."""
    assert targets.ptr is not None  # they are of sites
    values = targets.shaped()
    if targets.names == default_names(len(targets.names)):
        return SiteValues.of(values, targets.ptr)
    frame = pd.DataFrame(targets.values, columns=targets.names)
    parts = [
        frame.iloc[start:stop]
        for start, stop in zip(targets.ptr[:-1], targets.ptr[1:], strict=True)
    ]
    return SiteValues([part.iloc[:, 0] for part in parts] if targets.is_1d else parts)


def rows_of(values: NDArray | SiteValues) -> NDArray:
    """Values of crystals (m, ...) as they are, those of sites in one array (S, ...)."""
    return np.concatenate(values) if isinstance(values, SiteValues) else values


def site_pointer(values: NDArray | SiteValues) -> NDArray[np.int64] | None:
    """Return where each crystal's sites start in `rows_of`; None for crystals."""
    if not isinstance(values, SiteValues):
        return None
    return to_pointer(np.array([len(array) for array in values]))


def check_site_targets(
    y: Any, n_sites: NDArray, *, allow_empty: bool = False
) -> Targets:
    """Check labels of sites against the crystals they belong to.

    Parameters
    ----------
    y : sequence of n arrays (n_sites,) or (n_sites, T), or array (S,) or (S, T)
        In the order of each crystal's sites; or those of all crystals in one.
    n_sites : ndarray of shape (n,)
    allow_empty : bool, default=False
        Whether a target may have no label.

    Returns
    -------
    Targets
        With `ptr`.

    Raises
    ------
    ValueError
        If `y` is missing, not numeric, of the wrong length or shape, infinite
        anywhere, or a target has no label at all and `allow_empty` is False.
    """
    if y is None:
        raise ValueError("y is None, but a regressor needs labels to fit.")
    ptr = to_pointer(n_sites)
    parts = _parts(y, n_sites)
    if parts is None:
        values = read_numbers(y, "y", "(S,) or (S, n_targets)")
        named = y
        if values.ndim not in (1, 2) or len(values) != ptr[-1]:
            raise ValueError(
                f'y has shape {values.shape}; with target_level="atom", it must be a '
                f"sequence of {len(n_sites)} arrays, one a crystal with a row for each "
                f"of its sites, or one array of {ptr[-1]} rows, the number of all "
                "sites."
            )
    else:
        named = parts[0]
        values = _join(parts, n_sites)
    is_1d = values.ndim == 1
    values = values.reshape(len(values), -1)
    names = names_of(named, values.shape[1])

    def place(row: int) -> str:
        i = int(np.searchsorted(ptr, row, side="right")) - 1
        return f"y[{i}][{row - ptr[i]}]" if parts is not None else f"y[{row}]"

    check_values(values, names, place, allow_empty=allow_empty)
    return Targets(values, names, is_1d, ptr)


def _parts(y: Any, n_sites: NDArray) -> Sequence[Any] | None:
    """Labels crystal by crystal; None if they come in one array."""
    if hasattr(y, "columns"):
        return None
    entries = list(y.array) if hasattr(y, "array") else y
    if isinstance(entries, np.ndarray) and entries.dtype != object:
        # n crystals of k sites each may have been made one array of.
        # (n, 1) for crystals of a site each is (S, 1), too.
        uniform = entries.shape[:2] == (len(n_sites), n_sites[0])
        uniform = uniform and entries.ndim + (n_sites[0] > 1) > 2
        return list(entries) if uniform and (n_sites == n_sites[0]).all() else None
    entries = list(entries)
    return entries if any(np.ndim(entry) for entry in entries) else None


def _join(parts: Sequence[Any], n_sites: NDArray) -> NDArray[np.float64]:
    if len(parts) != len(n_sites):
        raise ValueError(
            f"X holds {len(n_sites)} crystals, but y has {len(parts)} arrays; each "
            "crystal needs one."
        )
    shape = "(n_sites,) or (n_sites, n_targets)"
    arrays = [read_numbers(part, f"y[{i}]", shape) for i, part in enumerate(parts)]
    for i, (array, n) in enumerate(zip(arrays, n_sites, strict=True)):
        if array.ndim not in (1, 2) or len(array) != n:
            raise ValueError(
                f"y[{i}] has shape {array.shape}, but X[{i}] has {n} sites; each needs "
                "a label, NaN if it was not measured."
            )
        if array.shape[1:] != arrays[0].shape[1:]:
            raise ValueError(
                f"y[{i}] has shape {array.shape} and y[0] {arrays[0].shape}; all "
                "crystals need the same targets."
            )
    return np.concatenate(arrays)
