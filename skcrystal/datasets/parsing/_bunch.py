"""Parsed crystals and their table as a Bunch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from .._bunch import make_bunch
from ._parse import Parsed


def bunch_of_parsed(
    table: pd.DataFrame,
    parsed: Parsed,
    target_names: Sequence[str],
    *,
    source: str,
    ignored: Sequence[str] = (),
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Bunch | tuple[Any, Any]:
    """Join crystals and labels, without the rows whose crystal could not be read.

    Parameters
    ----------
    table : DataFrame
        A row a source, with the targets; its index names the crystals.
    parsed : Parsed
        Result of parsing the sources.
    target_names : sequence of str
    source : str
        Where they come from, for DESCR.
    ignored : sequence of str
        Sources that have no row.
    return_X_y, as_frame : bool
        As `make_bunch` has them.

    Raises
    ------
    ValueError
        If no crystal is left.
    """
    read = [i for i in range(len(table)) if i not in parsed.failed]
    if not read:
        raise ValueError(f"no crystal could be read out of {source}.")
    structures = np.empty(len(read), dtype=object)
    structures[:] = [parsed.structures[i] for i in read]
    # Formulas come from the crystals: those of a table may count atoms of a cell, by
    # which polymorphs are not one group.
    frame = table.drop(columns="formula", errors="ignore").iloc[read]
    frame = frame.assign(structure=pd.Series(structures, frame.index, dtype=object))
    index = table.index
    failed = {index[i]: reason for i, reason in parsed.failed.items()}
    remarks = {
        index[i]: text for i, text in parsed.remarks.items() if i not in parsed.failed
    }
    return make_bunch(
        frame,
        target_names,
        DESCR=_describe(frame, target_names, source, len(failed), remarks, ignored),
        return_X_y=return_X_y,
        as_frame=as_frame,
        failed_=failed,
        remarks_=remarks,
        ignored_=list(ignored),
    )


def _describe(
    frame: pd.DataFrame,
    target_names: Sequence[str],
    source: str,
    n_failed: int,
    remarks: dict[Any, str],
    ignored: Sequence[str],
) -> str:
    lines = [f"{len(frame)} crystals out of {source}.", ""]
    for name in target_names:
        column = frame[name]
        there = column.dropna()
        text = f"- {name}: {len(there)} labels"
        if pd.api.types.is_numeric_dtype(column) and len(there):
            text += f", {there.min():.4g} to {there.max():.4g}"
        elif len(there):
            text += f", classes {sorted(map(str, there.unique()))[:10]}"
        lines.append(text)
    if not len(target_names):
        lines.append("No labels.")
    if n_failed:
        lines.append(f"{n_failed} crystals were left out (reasons in `failed_`).")
    if remarks:
        lines.append(f"{len(remarks)} crystals have remarks (`remarks_`).")
    if ignored:
        lines.append(f"{len(ignored)} files have no row and were ignored (`ignored_`).")
    return "\n".join(lines) + "\n"
