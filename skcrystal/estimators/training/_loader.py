"""Batches of graphs and labels for training, batches of graphs for prediction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ...graphs._ragged import ragged_arange
from ...nn import GraphBatch, GraphStore
from ...nn._store import cut, edges_at_once

Labels = tuple[Tensor, Tensor]  # and their weights


class MicroBatch(NamedTuple):
    """Part of a batch that passes through the network by itself.

    Attributes
    ----------
    graphs : GraphBatch
    labels : tuple of Tensor
        Labels and their weights, (R, T) each.
    share : float
        Factor of its loss: the losses of all micro-batches, times their shares, add up
        to the loss of the batch.
    """

    graphs: GraphBatch
    labels: Labels
    share: float


class OnePass(Protocol):
    """Data of one pass over a data set."""

    def n_labels(self, rows: NDArray) -> int: ...

    def split(self, rows: NDArray) -> list[NDArray]: ...

    def gather(self, rows: NDArray) -> tuple[GraphBatch, Labels]: ...


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
        """Data of one pass over the data set, of the same length and sizes."""
        return self

    def n_labels(self, rows: NDArray) -> int:
        """Count labels of some of the graphs, missing ones included."""
        if self.label_ptr is None:
            return len(rows)
        return int(np.diff(self.label_ptr)[rows].sum())

    def split(self, rows: NDArray) -> list[NDArray]:
        """Split the rows of a batch into micro-batches of bounded size."""
        n_edges = self.store.n_edges[self.rows[rows]]
        budget = edges_at_once(self.store.device)
        return [rows[start:stop] for start, stop in cut(n_edges, budget)]

    def gather(self, rows: NDArray) -> tuple[GraphBatch, Labels]:
        """Put some of the graphs side by side, with their labels."""
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
        Shuffles, anew at each pass; by default in order.
    rank, world_size : int, default=0, 1
        Number of this process, and of all that share each batch.
    """

    def __init__(
        self,
        dataset: GraphDataset,
        batch_size: int,
        max_atoms: int | None = None,
        seed: int | None = None,
        rank: int = 0,
        world_size: int = 1,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.max_atoms = max_atoms
        self.seed = seed
        self.rank = rank
        self.world_size = world_size
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
        runs = cut(sizes, self.max_atoms, self.batch_size)
        return [rows[start:stop] for start, stop in runs]

    def _random(self, i: int) -> np.random.RandomState:
        return np.random.RandomState([self.seed or 0, i])

    def __iter__(self) -> Iterator[list[MicroBatch]]:
        """Yield each batch as a list of its micro-batches."""
        plan = self.plan(self._n_passes)
        dataset = self.dataset.of_pass(self._random(self._n_passes))
        self._n_passes += 1
        for rows in plan:
            if self.world_size > 1:
                yield [self._of_this_process(dataset, rows)]
                continue
            n_labels = dataset.n_labels(rows)
            yield [
                MicroBatch(*dataset.gather(part), dataset.n_labels(part) / n_labels)
                for part in dataset.split(rows)
            ]

    def _of_this_process(self, dataset: OnePass, rows: NDArray) -> MicroBatch:
        """Rows of a batch that this process takes.

        Gradients are averaged over processes, which must all make one pass, though
        their numbers of rows may differ by one. A process without any passes a graph
        through the network whose labels have weight zero.
        """
        own = rows[self.rank :: self.world_size]
        if not len(own):
            graphs, (label, weight) = dataset.gather(rows[:1])
            return MicroBatch(graphs, (label, 0 * weight), 0.0)
        share = self.world_size * dataset.n_labels(own) / dataset.n_labels(rows)
        return MicroBatch(*dataset.gather(own), share)
