"""What training and prediction loop over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from ..graphs import CrystalGraphs
from ..nn import GraphBatch, GraphStore

# Batches for prediction hold this many edges at most (or one crystal): enough to keep
# the cores busy, and a quarter of a gigabyte in the widest layer.
_PREDICT_EDGES = 400_000


def store_of(graphs: CrystalGraphs, device: str | torch.device) -> GraphStore:
    """Graphs on a device, ready to be gathered."""
    return GraphStore(
        graphs.columns(),
        atom_ptr=graphs.atom_ptr,
        edge_ptr=graphs.edge_ptr,
        distance_ptr=graphs.distance_ptr,
        device=device,
    )


def prediction_batches(graphs: CrystalGraphs) -> Iterator[NDArray[np.int64]]:
    """Consecutive rows, in pieces of bounded size."""
    ends = np.cumsum(graphs.n_edges)
    start = 0
    while start < len(graphs):
        done = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, done + _PREDICT_EDGES, side="right"))
        stop = max(stop, start + 1)
        yield np.arange(start, stop)
        start = stop


class GraphDataset(Dataset):
    """Some graphs of a store with scaled labels and their weights, on its device.

    Parameters
    ----------
    store : GraphStore
    rows : ndarray of shape (n,)
        Which of its graphs.
    labels, weights : ndarray of shape (n, T)
        Weights are zero where a label is missing.
    """

    def __init__(
        self, store: GraphStore, rows: NDArray, labels: NDArray, weights: NDArray
    ) -> None:
        self.store = store
        self.rows = rows
        known = np.where(weights > 0, labels, 0.0).astype(np.float32)
        self.labels = torch.from_numpy(known).to(store.device)
        self.weights = torch.from_numpy(weights.astype(np.float32)).to(store.device)

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, rows: NDArray) -> tuple[GraphBatch, tuple[Tensor, Tensor]]:
        index = torch.from_numpy(rows).to(self.store.device)
        graphs = self.store.gather(self.rows[rows])
        return graphs, (self.labels[index], self.weights[index])


class GraphLoader:
    """Iterate over a dataset in batches, as torch's DataLoader would.

    Parameters
    ----------
    dataset : GraphDataset
    batch_size : int
        Crystals a batch.
    random : RandomState, optional
        Shuffles anew at each pass; by default the order is kept.
    """

    def __init__(
        self,
        dataset: GraphDataset,
        batch_size: int,
        random: np.random.RandomState | None = None,
    ) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        self.random = random

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[GraphBatch, tuple[Tensor, Tensor]]]:
        n = len(self.dataset)
        rows = np.arange(n) if self.random is None else self.random.permutation(n)
        for start in range(0, n, self.batch_size):
            yield self.dataset.batch(rows[start : start + self.batch_size])
