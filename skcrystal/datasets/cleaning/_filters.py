"""Rows of a data set, chosen by their labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch

from ...utils._rows import take

_MISSING = "drop", "keep"
# Lists of the loaders, which may be as long as the data by chance
_NOT_ROWS = "target_names", "missing", "ignored_"


def filter_by_range(
    bunch: Bunch,
    /,
    *,
    missing: str = "drop",
    **ranges: tuple[float | None, float | None],
) -> Bunch:
    """Keep the crystals whose labels lie within ranges, ends included.

    Parameters
    ----------
    bunch : Bunch
        As a loader of this package returns it.
    missing : {"drop", "keep"}, default="drop"
        How to treat a crystal without a label in a column that has a range.
    **ranges : tuple (low, high)
        A range for each column of `frame` that is to be looked at, in its units; None
        for an open end. The beginning of a target's name will do, if no other target
        begins so. Names that are not Python identifiers go in as
        ``**{"e-form": (-3.5, 0.5)}``.

    Returns
    -------
    Bunch
        A new one of the same form: everything that has one row a crystal is filtered,
        `folds` name the rows that are left by their new numbers, and DESCR names the
        ranges. The one given stays as it was.

    Raises
    ------
    TypeError
        If `bunch` is not a Bunch, or a range not a pair of numbers.
    ValueError
        If a column is missing, holds no numbers or a label for each site, or no
        crystal is left.

    Examples
    --------
    >>> from skcrystal.datasets import filter_by_range, load_pbe_prototypes
    >>> bunch = load_pbe_prototypes()
    >>> small_gap = filter_by_range(
    ...     bunch, formation_energy=(-3.5, 0.5), band_gap=(0.01, 1.2)
    ... )
    >>> len(small_gap.data), len(bunch.data)
    (91, 1097)
    """
    if not isinstance(bunch, Bunch) or "data" not in bunch:
        raise TypeError(
            f"a {type(bunch).__name__} cannot be filtered; give a Bunch as the loaders "
            "return, without return_X_y."
        )
    if missing not in _MISSING:
        raise ValueError(f"missing={missing!r} is none of {', '.join(_MISSING)}.")
    columns = _columns(bunch)
    selected = np.ones(len(bunch.data), dtype=bool)
    texts = []
    for given, ends in ranges.items():
        name = _full_name(given, columns, bunch)
        low, high = _ends(given, ends)
        values = _numbers(name, columns[name])
        inside = (values >= low) & (values <= high)
        selected &= inside | np.isnan(values) if missing == "keep" else inside
        texts.append(f"{low:g} <= {name} <= {high:g}")
    condition = ", ".join(texts)
    if not selected.any():
        raise ValueError(
            f"none of {len(selected)} crystals has {condition}; widen the ranges."
        )
    line = (
        f"Filtered: {selected.sum()} of {len(selected)} crystals with {condition}; "
        f"those without such a label were {'dropped' if missing == 'drop' else 'kept'}."
    )
    rows = np.flatnonzero(selected)
    cut = Bunch()
    for key, value in bunch.items():
        if _is_splits(value):
            cut[key] = _renumbered(value, selected)
        elif _is_rows(key, value, len(selected)):
            cut[key] = take(value, rows)
        else:
            cut[key] = value
    if texts:
        cut["DESCR"] = f"{bunch.get('DESCR', '').rstrip()}\n\n{line}\n".lstrip()
    return cut


def _columns(bunch: Bunch) -> dict[str, Any]:
    """Columns with one row a crystal, by name."""
    columns = {}
    frame, n = bunch.get("frame"), len(bunch.data)
    if isinstance(frame, pd.DataFrame) and len(frame) == n:
        columns = {name: frame[name] for name in frame.columns}
    target = bunch.get("target")
    for i, name in enumerate(bunch.get("target_names", [])):
        if name not in columns and target is not None and len(target) == n:
            if isinstance(target, list):  # an array for each crystal
                raise ValueError(
                    f"{name!r} is a label of sites, not of crystals; choose crystals "
                    "by values that you compute from `target`."
                )
            values = np.asarray(target)
            columns[name] = values if values.ndim == 1 else values[:, i]
    return columns


def _full_name(given: str, columns: dict[str, Any], bunch: Bunch) -> str:
    if given in columns:
        return given
    targets = list(bunch.get("target_names", []))
    names = [name for name in targets if name in columns and name.startswith(given)]
    if len(names) == 1:
        return names[0]
    reason = f"begins several targets: {names}" if names else "is not a column"
    raise ValueError(
        f"{given!r} {reason}. There are {sorted(map(str, columns))}, of which targets: "
        f"{targets}."
    )


def _ends(name: str, ends: Any) -> tuple[float, float]:
    try:
        low, high = ends
        low = -np.inf if low is None else float(low)
        high = np.inf if high is None else float(high)
    except (TypeError, ValueError):
        raise TypeError(
            f"{name}={ends!r} is not a range; give (low, high), None for an open end."
        ) from None
    if not low <= high:
        raise ValueError(f"{name}=({low:g}, {high:g}) is empty: low is above high.")
    return low, high


def _numbers(name: str, column: Any) -> NDArray[np.float64]:
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        first = pd.Series(column).iloc[0]
        raise ValueError(
            f"column {name!r} holds no numbers (the first entry is "
            f"{first!r:.40}); ranges are of numbers."
        ) from None


def _is_splits(value: Any) -> bool:
    """Whether a field holds train and test rows, as scikit-learn's `cv` takes them."""
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value)
    )


def _renumbered(splits: Any, selected: NDArray[np.bool_]) -> list[tuple[Any, Any]]:
    """Splits among the selected rows, renumbered."""
    new = np.cumsum(selected) - 1
    return [
        (new[train[selected[train]]], new[test[selected[test]]])
        for train, test in ((np.asarray(a), np.asarray(b)) for a, b in splits)
    ]


def _is_rows(key: str, value: Any, n: int) -> bool:
    """Whether a field of the Bunch has one row a crystal."""
    return (
        key not in _NOT_ROWS
        and isinstance(value, list | tuple | np.ndarray | pd.Series | pd.DataFrame)
        and len(value) == n
    )
