"""State of a campaign, read from its journal and written to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._journal import Journal


class CampaignState:
    """Queried crystals, their labels, and the errors of each cycle.

    Parameters
    ----------
    journal : Journal
        Its records are taken in, and new ones added.
    ids : list of str
        Names of the pool's crystals.
    names : list of str
        Of the targets.

    Attributes
    ----------
    n_cycles : int
        Cycles that are complete.
    """

    def __init__(self, journal: Journal, ids: list[str], names: list[str]) -> None:
        self._journal = journal
        self._ids = ids
        self._names = names
        self._queried: dict[int, list[int]] = {}
        self._labels: dict[int, list[float]] = {}
        self._failures: dict[int, tuple[int, str]] = {}
        self._rows: list[dict] = []
        for record in journal.records:
            self._take_in(record)

    # Events

    def begin_cycle(self, cycle: int, rows: list[int]) -> None:
        """Record the queried crystals of a cycle, before any is labelled."""
        ids = [self._ids[row] for row in rows]
        self._write(kind="query", cycle=cycle, rows=rows, ids=ids)

    def answer(self, cycle: int, row: int, label: NDArray[np.float64]) -> None:
        """Record a label (n_targets,).

        Raises
        ------
        ValueError
            If it has more or fewer targets than the test set.
        """
        if len(label) != len(self._names):
            raise ValueError(
                f"the oracle gives {len(label)} targets, but y_test has "
                f"{len(self._names)} ({', '.join(self._names)})."
            )
        values = [None if np.isnan(value) else float(value) for value in label]
        self._write(kind="label", cycle=cycle, row=row, label=values)

    def fail(self, cycle: int, row: int, error: str) -> None:
        """Record a crystal that could not be labelled."""
        self._write(kind="failure", cycle=cycle, row=row, error=error)

    def withdraw(self, rows: list[int]) -> None:
        """Remove failures, so that the crystals are queried again."""
        self._write(kind="withdrawal", rows=rows)

    def end_cycle(
        self, cycle: int, metrics: Mapping[str, float], seconds: Mapping[str, float]
    ) -> None:
        """Record the errors and the seconds of a cycle."""
        row = {
            "cycle": cycle,
            "n_labelled": len(self._labels),
            "n_failed": len(self._failures),
            **metrics,
            **{f"seconds_{name}": value for name, value in seconds.items()},
        }
        row["seconds"] = row.pop("seconds_total")
        plain = {key: None if np.isnan(value) else value for key, value in row.items()}
        self._write(kind="cycle", row=plain)

    def _write(self, **record: Any) -> None:
        self._journal.append(**record)
        self._take_in(record)

    def _take_in(self, record: dict) -> None:
        kind = record["kind"]
        if kind == "query":
            self._queried[record["cycle"]] = record["rows"]
        elif kind == "label":
            self._labels[record["row"]] = [
                np.nan if value is None else value for value in record["label"]
            ]
        elif kind == "failure":
            self._failures[record["row"]] = record["cycle"], record["error"]
        elif kind == "withdrawal":
            for row in record["rows"]:
                self._failures.pop(row, None)
        elif kind == "cycle":
            row = record["row"]
            self._rows.append({k: np.nan if v is None else v for k, v in row.items()})

    # Queries of the state

    @property
    def n_cycles(self) -> int:
        return len(self._rows)

    def is_queried(self, cycle: int) -> bool:
        """Whether the crystals of a cycle are chosen."""
        return cycle in self._queried

    def rows_of(self, cycle: int) -> list[int]:
        """Queried crystals of a cycle."""
        return self._queried.get(cycle, [])

    def unanswered(self, cycle: int) -> list[int]:
        """Crystals of a cycle whose label has not come."""
        return [
            row
            for row in self.rows_of(cycle)
            if row not in self._labels and row not in self._failures
        ]

    def failures_of(self, cycle: int) -> list[int]:
        """Crystals of a cycle that the oracle failed on."""
        return [row for row in self.rows_of(cycle) if row in self._failures]

    def free_rows(self) -> NDArray[np.int64]:
        """Crystals that were never queried."""
        free = np.ones(len(self._ids), dtype=bool)
        for rows in self._queried.values():
            free[rows] = False
        return np.flatnonzero(free)

    def known(self, cycle: int) -> tuple[list[int], pd.DataFrame]:
        """Crystals labelled up to a cycle, in order of queries, and their labels."""
        rows = [
            row
            for c in range(cycle + 1)
            for row in self.rows_of(c)
            if row in self._labels
        ]
        values = np.array([self._labels[row] for row in rows], dtype=np.float64)
        values = values.reshape(len(rows), len(self._names))
        return rows, pd.DataFrame(values, columns=self._names)

    def history(self) -> pd.DataFrame:
        return pd.DataFrame(self._rows)

    def queries(self) -> pd.DataFrame:
        return pd.DataFrame(
            [
                (c, row, self._ids[row])
                for c, rows in self._queried.items()
                for row in rows
            ],
            columns=["cycle", "row", "id"],
        )

    def labels(self) -> pd.DataFrame:
        values = np.full((len(self._ids), len(self._names)), np.nan)
        for row, label in self._labels.items():
            values[row] = label
        return pd.DataFrame(values, columns=self._names, index=self._ids)

    def failures(self) -> pd.DataFrame:
        return pd.DataFrame(
            [(c, row, self._ids[row], e) for row, (c, e) in self._failures.items()],
            columns=["cycle", "row", "id", "error"],
        )
