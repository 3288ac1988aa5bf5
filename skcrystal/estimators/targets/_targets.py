"""Labels of crystals and of sites: checked, named, masked where missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...graphs._ragged import ragged_arange, to_pointer


@dataclass(frozen=True)
class Targets:
    """Labels of n crystals: R rows, one a crystal or one a site.

    Attributes
    ----------
    values : ndarray of shape (R, T), float64
        NaN where a label is missing.
    names : list of str
        From a DataFrame's columns or a Series' name, else ``target_0`` and so on.
    is_1d : bool
        Whether they came without an axis for targets, as predictions then do.
    ptr : ndarray of shape (n + 1,), or None
        Crystal i owns rows ``ptr[i]:ptr[i + 1]``; None if each has one.
    """

    values: NDArray[np.float64]
    names: list[str]
    is_1d: bool
    ptr: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.values) if self.ptr is None else len(self.ptr) - 1

    def __getitem__(self, crystals: NDArray) -> Targets:
        """Labels of some of the crystals."""
        ptr = None if self.ptr is None else to_pointer(np.diff(self.ptr)[crystals])
        rows = self.values[self.rows(crystals)]
        return Targets(rows, self.names, self.is_1d, ptr)

    def shaped(self) -> NDArray[np.float64]:
        """Values in the shape in which they were given, of sites all in one array."""
        return self.values[:, 0] if self.is_1d else self.values

    def concatenate(self, other: Targets) -> Targets:
        """Labels of these crystals, then of others."""
        ptr = None
        if self.ptr is not None:
            assert other.ptr is not None  # they are of the same task
            ptr = np.concatenate([self.ptr, self.ptr[-1] + other.ptr[1:]])
        values = np.concatenate([self.values, other.values])
        return Targets(values, self.names, self.is_1d, ptr)

    def rows(self, crystals: NDArray) -> NDArray[np.int64]:
        """Rows of some of the crystals."""
        if self.ptr is None:
            return crystals
        return ragged_arange(self.ptr[crystals], np.diff(self.ptr)[crystals])

    def spread(self, of_crystals: NDArray) -> NDArray:
        """Repeat values of crystals (n, ...) for all their rows (R, ...)."""
        if self.ptr is None:
            return of_crystals
        return np.repeat(of_crystals, np.diff(self.ptr), axis=0)

    def any_of(self, of_rows: NDArray) -> NDArray[np.bool_]:
        """Whether any row of each crystal is true: (R,) to (n,)."""
        if self.ptr is None:
            return of_rows
        seen = np.concatenate([[0], np.cumsum(of_rows)])
        return seen[self.ptr[1:]] > seen[self.ptr[:-1]]

    def summary(self) -> dict[str, Any]:
        """Number of crystals, and range and number of the labels of each target."""
        return {
            "n_crystals": len(self),
            "targets": {
                name: _summary(column[~np.isnan(column)])
                for name, column in zip(self.names, self.values.T, strict=True)
            },
        }


def _summary(labels: NDArray) -> dict[str, float]:
    low, median, high = np.quantile(labels, [0, 0.5, 1]).tolist()
    return {"n_labels": len(labels), "min": low, "median": median, "max": high}


def check_targets(y: Any, n_crystals: int, *, allow_empty: bool = False) -> Targets:
    """Check labels, which may be masked, against the number of crystals.

    Raises
    ------
    ValueError
        If `y` is missing, not numeric, of the wrong length or shape, infinite
        anywhere, or a target has no label at all and `allow_empty` is False.
    """
    if y is None:
        raise ValueError("y is None, but a regressor needs labels to fit.")
    values = read_numbers(y, "y", "(n,) or (n, n_targets)")
    if values.ndim not in (1, 2):
        raise ValueError(
            f"y has shape {values.shape}; (n,) or (n, n_targets) is expected."
        )
    if len(values) != n_crystals:
        raise ValueError(
            f"X holds {n_crystals} crystals, but y has {len(values)} rows; each "
            "crystal needs one."
        )
    is_1d = values.ndim == 1
    values = values.reshape(n_crystals, -1)
    names = names_of(y, values.shape[1])
    check_values(values, names, lambda row: f"y[{row}]", allow_empty=allow_empty)
    return Targets(values, names, is_1d)


def read_numbers(y: Any, name: str, shape: str) -> NDArray[np.float64]:
    """Make an array of labels, NaN where they are masked.

    Parameters
    ----------
    y : array-like
    name, shape : str
        Its name and the shape that it should have, for the message.

    Raises
    ------
    ValueError
        If they are not numeric.
    """
    try:
        if np.ma.isMaskedArray(y):
            return np.ma.filled(y.astype(np.float64), np.nan)
        return np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        message = f"{name} must be numeric, of shape {shape}: {error}."
        if name == "y" and any(np.ndim(entry) for entry in y):
            message += ' Arrays of labels, one a site, are for target_level="atom".'
        raise ValueError(message) from error


def names_of(y: Any, n_targets: int) -> list[str]:
    """Names of targets: those of columns or a Series, else numbers.

    Raises
    ------
    ValueError
        If there is no target.
    """
    if n_targets == 0:
        raise ValueError("y has no columns; at least one target is needed.")
    if hasattr(y, "columns"):
        return [str(column) for column in y.columns]
    if getattr(y, "name", None) is not None:
        return [str(y.name)]
    return default_names(n_targets)


def default_names(n_targets: int) -> list[str]:
    """Names of targets without names of their own."""
    return [f"target_{t}" for t in range(n_targets)]


def check_values(
    values: NDArray,
    names: list[str],
    place: Callable[[int], str],
    *,
    allow_empty: bool = False,
) -> None:
    """Check that labels (R, T) are finite or missing, and that each target has some.

    Parameters
    ----------
    values : ndarray of shape (R, T)
    names : list of T str
    place : callable
        Returns the name of a row in the user's labels.
    allow_empty : bool, default=False
        Whether a target may have no label.

    Raises
    ------
    ValueError
        If a label is infinite, or a target has none.
    """
    if np.isinf(values).any():
        row, t = np.argwhere(np.isinf(values))[0]
        raise ValueError(
            f"{place(row)} of {names[t]} is {values[row, t]}; correct it, or set it to "
            "NaN if it was not measured."
        )
    empty = np.flatnonzero(np.isnan(values).all(axis=0))
    if len(empty) and not allow_empty:
        raise ValueError(
            f"y has no label at all for {names[empty[0]]} (column {empty[0]} is all "
            "NaN); leave the column out."
        )


def check_same_targets(names: list[str], validation: list[str]) -> None:
    """Check that labels of a validation set are of the targets that are trained on.

    Raises
    ------
    ValueError
        If they are not.
    """
    unnamed = default_names(len(names))
    if len(validation) == len(names) and unnamed in (names, validation):
        return
    if names != validation:
        raise ValueError(
            f"y holds the targets {', '.join(names)}, but y_val "
            f"{', '.join(validation)}; give the same, in the same order."
        )


def check_weights(sample_weight: Any, n_crystals: int) -> NDArray[np.float64]:
    """Check sample weights, of shape (n,); None is one each.

    Raises
    ------
    ValueError
        If they are of the wrong shape, negative, not finite, or all zero.
    """
    if sample_weight is None:
        return np.ones(n_crystals)
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != (n_crystals,):
        raise ValueError(
            f"sample_weight has shape {weights.shape}, but X holds {n_crystals} "
            "crystals; one weight a crystal is needed."
        )
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise ValueError(
            f"sample_weight[{bad[0]}] is {weights[bad[0]]}; weights must be finite and "
            "not negative."
        )
    if not weights.any():
        raise ValueError("sample_weight is zero throughout; no labels are left to fit.")
    return weights


def column_of(key: str | int, names: Sequence[str], argument: str) -> int:
    """Column of the target called `key`, or numbered so.

    Raises
    ------
    ValueError
        If there is none.
    """
    if isinstance(key, str) and key in names:
        return list(names).index(key)
    if (
        isinstance(key, Integral)
        and not isinstance(key, bool)
        and -len(names) <= key < len(names)
    ):
        return int(key) % len(names)
    raise ValueError(
        f"{argument} names the target {key!r}, but there are only {', '.join(names)} "
        f"(0 to {len(names) - 1})."
    )
