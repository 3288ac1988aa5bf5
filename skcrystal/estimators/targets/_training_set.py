"""Crystals with labels and weights, of a training and a validation set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...graphs import CrystalGraphs
from ._targets import Targets


@dataclass(frozen=True)
class TrainingSet:
    """Crystals with labels and their weights.

    Attributes
    ----------
    graphs : CrystalGraphs
        n crystals.
    targets : Targets
        R rows of labels.
    weights : ndarray of shape (R, T)
        Zero where a label is missing.
    n_validation : int, default=0
        How many of the crystals, the last ones, are a validation set.
    """

    graphs: CrystalGraphs
    targets: Targets
    weights: NDArray[np.float64]
    n_validation: int = 0

    def __len__(self) -> int:
        return len(self.graphs)

    def weights_of(self, crystals: NDArray) -> NDArray[np.float64]:
        """Weights of the labels of some of the crystals."""
        return self.weights[self.targets.rows(crystals)]

    def elements(self, crystals: NDArray) -> NDArray[np.int64]:
        """Atomic numbers in some of the crystals, leaving out those without a label."""
        has_label = self.targets.any_of(np.asarray(self.weights.any(axis=1)))
        picked = np.zeros(len(self), dtype=bool)
        picked[crystals] = has_label[crystals]
        atoms = np.repeat(picked, self.graphs.n_atoms)
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
            CrystalGraphs.concatenate([self.graphs, other.graphs]),
            self.targets.concatenate(other.targets),
            np.concatenate([self.weights, other.weights]),
            len(other),
        )
