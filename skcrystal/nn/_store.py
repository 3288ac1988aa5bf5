"""Graphs on a device, gathered into batches."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._batch import GraphBatch


class GraphStore:
    """Columns of many graphs on one device, from which batches are gathered.

    Parameters
    ----------
    columns : dict of str to ndarray
        ``atomic_numbers`` (N,), ``neighbor`` (E,), ``distance_class`` (E,) and
        ``distances`` (D,), with optional ``vector`` (E, 3), as in ``CrystalGraphs``.
    atom_ptr : ndarray of shape (n + 1,), int64
        Crystal i owns atoms ``atom_ptr[i]:atom_ptr[i + 1]``.
    edge_ptr : ndarray of shape (N + 1,), int64
        Atom a is the target of edges ``edge_ptr[a]:edge_ptr[a + 1]``.
    distance_ptr : ndarray of shape (n + 1,), int64
        Crystal i owns ``distances[distance_ptr[i]:distance_ptr[i + 1]]``.
    device : str or torch.device, default="cpu"
    """

    def __init__(
        self,
        columns: dict[str, NDArray],
        *,
        atom_ptr: NDArray,
        edge_ptr: NDArray,
        distance_ptr: NDArray,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        # All that says how large a batch will be stays on the host, which then plans
        # batches without asking the device. First row and number of rows of each
        # crystal, for atoms, edges and distances:
        pointers = np.stack([atom_ptr, edge_ptr[atom_ptr], distance_ptr])
        self._starts, self._counts = pointers[:, :-1], np.diff(pointers)
        self._degree = np.diff(edge_ptr).astype(np.int32)
        # With one number of neighbours throughout, edges are gathered by atom.
        uniform = len(self._degree) and (self._degree == self._degree[0]).all()
        self._n_neighbors = int(self._degree[0]) if uniform else None
        # Half the memory traffic, as long as rows can be numbered so
        self._row_dtype = np.int32 if pointers[:, -1].max() < 2**31 else np.int64

        # A neighbour counted from its target needs no renumbering by crystal.
        place = np.arange(len(self._degree)) - np.repeat(
            atom_ptr[:-1], np.diff(atom_ptr)
        )
        step = columns["neighbor"] - np.repeat(place.astype(np.int32), self._degree)
        self._atomic_numbers = self._tensor(columns["atomic_numbers"]).int()
        self._distances = self._tensor(columns["distances"])
        self._step = self._edge_tensor(step)
        self._distance_class = self._edge_tensor(columns["distance_class"])
        vector = columns.get("vector")
        self._vector = None if vector is None else self._edge_tensor(vector)

    def __len__(self) -> int:
        return self._counts.shape[1]

    def gather(self, rows: NDArray) -> GraphBatch:
        """Batch of the crystals `rows` (B,), in that order; no loop over them."""
        counts = self._counts.take(rows, axis=1)
        ends = counts.cumsum(1)
        begins = ends - counts
        n_atoms, n_edges, n_distances = ends[:, -1].tolist()
        # What to add to a row of the batch to get its row here
        shifts = (self._starts.take(rows, axis=1) - begins).astype(self._row_dtype)

        crystal = np.repeat(np.arange(len(rows), dtype=np.int32), counts[0])
        place = np.arange(n_atoms, dtype=np.int32)
        atoms = shifts[0].take(crystal) + place
        distances = np.repeat(shifts[2], counts[2])
        distances += np.arange(n_distances, dtype=distances.dtype)
        first_distance = begins[2].astype(np.int32).take(crystal)
        if self._n_neighbors is not None:
            edges = self._tensor(atoms)
            edge_ptr = np.arange(0, n_edges + 1, self._n_neighbors, dtype=np.int32)
            degree = self._n_neighbors
        else:
            degree = self._degree.take(atoms)
            edge_ptr = _pointer(degree.cumsum())
        target = self._repeat(place, degree, n_edges)
        if self._n_neighbors is None:
            edge_shift = self._tensor(shifts[1].take(crystal))
            edges = edge_shift.index_select(0, target)
            edges += torch.arange(n_edges, dtype=edges.dtype, device=self.device)
        neighbor = self._step.index_select(0, edges).view(-1)
        distance_class = self._distance_class.index_select(0, edges).view(-1)
        neighbor += target
        distance_class += self._repeat(first_distance, degree, n_edges)
        vector = self._vector
        if vector is not None:
            vector = vector.index_select(0, edges).view(-1, 3)
        return GraphBatch(
            atomic_numbers=self._atomic_numbers.index_select(0, self._tensor(atoms)),
            atom_ptr=self._tensor(_pointer(ends[0])),
            crystal=self._tensor(crystal),
            edge_ptr=self._tensor(edge_ptr),
            target=target,
            neighbor=neighbor,
            distances=self._distances.index_select(0, self._tensor(distances)),
            distance_class=distance_class,
            vector=vector,
        )

    def _tensor(self, array: NDArray) -> Tensor:
        if not array.flags.writeable:
            # Columns are read-only. Nothing here writes to them, but torch, which
            # cannot know, would warn.
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The given NumPy array is not")
                return torch.from_numpy(np.asarray(array)).to(self.device)
        return torch.from_numpy(array).to(self.device)

    def _edge_tensor(self, array: NDArray) -> Tensor:
        tensor = self._tensor(array)
        if self._n_neighbors is None:
            return tensor
        return tensor.view(-1, self._n_neighbors, *tensor.shape[1:])

    def _repeat(self, values: NDArray, counts: NDArray | int, n: int) -> Tensor:
        """Repeat each of `values` as often as `counts` says, `n` rows in all."""
        if self.device.type == "cpu":
            # torch's would start all threads for any number of rows, and wait for
            # each of them where other work keeps the cores busy.
            return torch.from_numpy(np.repeat(values, counts))
        repeats = counts if isinstance(counts, int) else self._tensor(counts)
        return torch.repeat_interleave(self._tensor(values), repeats, output_size=n)


def _pointer(ends: NDArray) -> NDArray[np.int32]:
    pointer = np.zeros(len(ends) + 1, dtype=np.int32)
    pointer[1:] = ends
    return pointer
