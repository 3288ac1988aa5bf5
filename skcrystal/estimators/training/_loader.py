"""What training and prediction loop over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ...graphs._ragged import ragged_arange
from ...nn import GraphBatch, GraphStore
from ...nn._store import cut, edges_at_once

Labels = tuple[Tensor, Tensor]  # and their weights


class OnePass(Protocol):
    """What one pass over a data set reads batches from."""

    def n_labels(self, rows: NDArray) -> int: ...

    def pieces(self, rows: NDArray) -> list[NDArray]: ...

    def batch(self, rows: NDArray) -> tuple[GraphBatch, Labels]: ...


class GraphDataset(Dataset):
    """Some graphs of a store with scaled labels and their weights, on its device.

    Parameters
    ----------
    store : GraphStore
    rows : ndarray of shape (n,)
        Which of its graphs.
    labels, weights : ndarray of shape (R, T)
        Weights are zero where a label is missing.
    label_ptr : ndarray of shape (n + 1,), optional
        Graph i owns the labels ``label_ptr[i]:label_ptr[i + 1]``, one for each of its
        sites; by default each graph has one.
    """

    def __init__(
        self,
        store: GraphStore,
        rows: NDArray,
        labels: NDArray,
        weights: NDArray,
        label_ptr: NDArray | None = None,
    ) -> None:
        self.store = store
        self.rows = rows
        self.label_ptr = label_ptr
        known = np.where(weights > 0, labels, 0.0).astype(np.float32)
        self.labels = torch.from_numpy(known).to(store.device)
        self.weights = torch.from_numpy(weights.astype(np.float32)).to(store.device)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """Atoms of each graph, of shape (n,)."""
        return self.store.n_atoms[self.rows]

    def of_pass(self, random: np.random.RandomState) -> OnePass:
        """What one pass over the data loops over; of the same length and sizes."""
        return self

    def n_labels(self, rows: NDArray) -> int:
        """Labels of some of the graphs, be they there or missing."""
        if self.label_ptr is None:
            return len(rows)
        return int(np.diff(self.label_ptr)[rows].sum())

    def pieces(self, rows: NDArray) -> list[NDArray]:
        """Cut rows in pieces of bounded size."""
        n_edges = self.store.n_edges[self.rows[rows]]
        budget = edges_at_once(self.store.device)
        return [rows[start:stop] for start, stop in cut(n_edges, budget)]

    def batch(self, rows: NDArray) -> tuple[GraphBatch, Labels]:
        index = rows
        if self.label_ptr is not None:
            index = ragged_arange(self.label_ptr[rows], np.diff(self.label_ptr)[rows])
        labels = self.store.tensor(index)
        graphs = self.store.gather(self.rows[rows])
        return graphs, (self.labels[labels], self.weights[labels])


class GraphLoader:
    """Iterate over a dataset in batches, as torch's DataLoader would.

    Parameters
    ----------
    dataset : GraphDataset
    batch_size : int
        Crystals a batch.
    max_atoms : int, optional
        Atoms a batch has at most, if it has more than one crystal.
    seed : int, optional
        Shuffles, anew at each pass; by default the order is kept.
    share : tuple of int, default=(0, 1)
        Number of this process and of all that share each batch.
    """

    def __init__(
        self,
        dataset: GraphDataset,
        batch_size: int,
        max_atoms: int | None = None,
        seed: int | None = None,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.max_atoms = max_atoms
        self.seed = seed
        self.share = share
        self._n_passes = 0

    def __len__(self) -> int:
        return len(self.plan(self._n_passes))

    def n_steps(self, n_passes: int) -> int:
        """Batches of the first passes together."""
        if self.max_atoms is None:
            return n_passes * len(self.plan(0))
        return sum(len(self.plan(i)) for i in range(n_passes))

    def plan(self, i: int) -> list[NDArray[np.int64]]:
        """Rows of each batch of pass `i`."""
        n = len(self.dataset)
        rows = np.arange(n)
        if self.seed is not None:
            self._random(i).shuffle(rows)
        if self.max_atoms is None:
            return np.split(rows, range(self.batch_size, n, self.batch_size))
        sizes = self.dataset.n_atoms[rows]
        pieces = cut(sizes, self.max_atoms, self.batch_size)
        return [rows[start:stop] for start, stop in pieces]

    def _random(self, i: int) -> np.random.RandomState:
        return np.random.RandomState([self.seed or 0, i])

    def __iter__(self) -> Iterator[tuple[list[GraphBatch], list[Labels]]]:
        """Yield each batch, in pieces whose losses add up to that of the batch."""
        plan = self.plan(self._n_passes)
        dataset = self.dataset.of_pass(self._random(self._n_passes))
        self._n_passes += 1
        for rows in plan:
            pieces = [
                _piece(dataset, rows, factor)
                for rows, factor in _shares(dataset, rows, self.share)
            ]
            yield [graphs for graphs, _ in pieces], [labels for _, labels in pieces]


def _shares(
    dataset: OnePass, rows: NDArray, share: tuple[int, int]
) -> list[tuple[NDArray, float]]:
    """Rows of each piece of a batch, and the factor of its weights."""
    n_labels = dataset.n_labels
    first, step = share
    if step == 1:
        pieces = dataset.pieces(rows)
        return [(piece, n_labels(piece) / n_labels(rows)) for piece in pieces]
    # Gradients are averaged over processes, which must all make one pass, though
    # their shares may differ by a row. One without any counts for nothing.
    own = rows[first::step]
    factor = step * n_labels(own) / n_labels(rows)
    return [(own if len(own) else rows[:1], factor)]


def _piece(dataset: OnePass, rows: NDArray, factor: float) -> tuple[GraphBatch, Labels]:
    graphs, (label, weight) = dataset.batch(rows)
    return graphs, (label, weight if factor == 1 else weight * factor)
