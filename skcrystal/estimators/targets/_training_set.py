"""Crystals with labels and weights, of a training and a validation set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...graphs import CrystalGraphs
from ._targets import Targets


@dataclass(frozen=True)
class TrainingSet:
    """Crystals with labels: all of a container of graphs, or some.

    Attributes
    ----------
    graphs : CrystalGraphs
        Of these and perhaps of other crystals, in memory once.
    crystals : ndarray of shape (n,)
        Which of the graphs.
    n_sites : ndarray of shape (n,)
    targets : Targets
        R rows of labels.
    weights : ndarray of shape (R, T)
        Zero where a label is missing.
    n_validation : int, default=0
        How many of the crystals, the last ones, are a validation set.
    """

    graphs: CrystalGraphs
    crystals: NDArray[np.int64]
    n_sites: NDArray[np.int64]
    targets: Targets
    weights: NDArray[np.float64]
    n_validation: int = 0

    def select(self, rows: NDArray) -> TrainingSet:
        """Some of the crystals."""
        return TrainingSet(
            self.graphs,
            self.crystals[rows],
            self.n_sites[rows],
            self.targets[rows],
            self.weights[self.targets.rows(rows)],
        )

    def elements(self) -> NDArray[np.int64]:
        """Atomic numbers in crystals with a label."""
        has_label = self.targets.any_of(np.asarray(self.weights.any(axis=1)))
        n_atoms = self.graphs.n_atoms
        picked = np.zeros(len(n_atoms), dtype=bool)
        picked[self.crystals] = has_label
        atoms = np.repeat(picked, n_atoms)
        return np.unique(self.graphs.atomic_numbers[atoms]).astype(np.int64)

    def concatenate(self, other: TrainingSet) -> TrainingSet:
        """These crystals, then others as their validation set.

        Raises
        ------
        ValueError
            If graphs were made otherwise.
        """
        mine, others = self.graphs, other.graphs
        if (
            mine.settings != others.settings
            or mine.columns().keys() != others.columns().keys()
        ):
            raise ValueError(
                f"graphs were made with {others.settings}, but those of X with "
                f"{mine.settings}; make both with the same CrystalGraphTransformer."
            )
        return TrainingSet(
            CrystalGraphs.concatenate([mine, others]),
            np.concatenate([self.crystals, len(mine) + other.crystals]),
            np.concatenate([self.n_sites, other.n_sites]),
            self.targets.concatenate(other.targets),
            np.concatenate([self.weights, other.weights]),
            len(others),
        )
