"""Labels: checked, named, masked where they are missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Targets:
    """Labels of n crystals.

    Attributes
    ----------
    values : ndarray of shape (n, T), float64
        NaN where a label is missing.
    names : list of str
        From a DataFrame's columns or a Series' name, else ``target_0`` and so on.
    is_1d : bool
        Whether they came as (n,), and predictions shall go so.
    """

    values: NDArray[np.float64]
    names: list[str]
    is_1d: bool

    def __getitem__(self, rows: NDArray) -> Targets:
        """Labels of some of the crystals."""
        return Targets(self.values[rows], self.names, self.is_1d)

    def summary(self) -> dict[str, Any]:
        """What a training set was, for whoever reads of a model later."""
        return {
            "n_crystals": len(self.values),
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
    try:
        if np.ma.isMaskedArray(y):
            y = np.ma.filled(y.astype(np.float64), np.nan)
        values = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y must be numeric, of shape (n,) or (n, n_targets): {error}."
        ) from error
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
    if values.shape[1] == 0:
        raise ValueError("y has no columns; at least one target is needed.")
    if hasattr(y, "columns"):
        names = [str(column) for column in y.columns]
    elif getattr(y, "name", None) is not None:
        names = [str(y.name)]
    else:
        names = [f"target_{t}" for t in range(values.shape[1])]
    if np.isinf(values).any():
        i, t = np.argwhere(np.isinf(values))[0]
        raise ValueError(
            f"y[{i}] of {names[t]} is {values[i, t]}; correct it, or set it to NaN if "
            "it was not measured."
        )
    empty = np.flatnonzero(np.isnan(values).all(axis=0))
    if len(empty) and not allow_empty:
        raise ValueError(
            f"y has no label at all for {names[empty[0]]} (column {empty[0]} is all "
            "NaN); leave the column out."
        )
    return Targets(values, names, is_1d)


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
        raise ValueError("sample_weight is zero throughout; nothing is left to fit.")
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
