"""Graphs on a device, gathered into batches."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

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
        # First row and number of rows of each crystal, for atoms, edges and distances.
        # They stay on the host, which then knows sizes without asking the device.
        pointers = np.stack([atom_ptr, edge_ptr[atom_ptr], distance_ptr])
        self._starts, self._counts = pointers[:, :-1], np.diff(pointers)

        degree = np.diff(edge_ptr).astype(np.int32)
        place = np.arange(len(degree)) - np.repeat(atom_ptr[:-1], np.diff(atom_ptr))
        # A neighbour counted from its target needs no renumbering by crystal.
        step = columns["neighbor"] - np.repeat(place.astype(np.int32), degree)
        self._atomic_numbers = self._tensor(columns["atomic_numbers"]).int()
        self._step = self._tensor(step)
        self._distance_class = self._tensor(columns["distance_class"])
        self._distances = self._tensor(columns["distances"])
        self._vector = columns.get("vector")
        if self._vector is not None:
            self._vector = self._tensor(self._vector)
        self._degree = self._tensor(degree)
        # With one number of neighbours throughout, edges are gathered by atom.
        self._n_neighbors = None
        if len(degree) and (degree == degree[0]).all():
            self._n_neighbors = int(degree[0])
            self._step = self._step.view(-1, self._n_neighbors)
            self._distance_class = self._distance_class.view(-1, self._n_neighbors)
            if self._vector is not None:
                self._vector = self._vector.view(-1, self._n_neighbors, 3)
        # Half the memory traffic, as long as rows can be numbered so
        self._row_dtype = np.int32 if pointers[:, -1].max() < 2**31 else np.int64

    def __len__(self) -> int:
        return self._counts.shape[1]

    def _tensor(self, array: NDArray) -> Tensor:
        with warnings.catch_warnings():
            # Columns are read-only, and nothing here writes to them.
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            return torch.from_numpy(np.asarray(array)).to(self.device)

    def gather(self, rows: NDArray) -> GraphBatch:
        """Batch of the crystals `rows` (B,), in that order; no loop over them."""
        counts = self._counts.take(rows, axis=1)
        ends = counts.cumsum(1)
        begins = ends - counts
        n_atoms, n_edges, n_distances = ends[:, -1].tolist()
        plan = np.empty((7, len(rows)), self._row_dtype)
        # What to add to a row of the batch to get its row here
        np.subtract(self._starts.take(rows, axis=1), begins, out=plan[:3])
        plan[3], plan[4], plan[5], plan[6] = counts[0], counts[2], begins[2], ends[0]
        (
            atom_shift, edge_shift, distance_shift,
            atom_count, distance_count, first_distance, atom_end,
        ) = torch.from_numpy(plan).to(self.device).unbind()  # fmt: skip

        crystal = torch.repeat_interleave(atom_count, output_size=n_atoms).int()
        place = self._arange(n_atoms, torch.int32)
        atoms = atom_shift.index_select(0, crystal).add_(place)
        first_distance = first_distance.int().index_select(0, crystal)
        if self._n_neighbors is not None:
            shape = (n_atoms, self._n_neighbors)
            target = place[:, None].expand(shape).reshape(-1)
            edge_first = first_distance[:, None].expand(shape).reshape(-1)
            edge_ptr = torch.arange(
                0, n_edges + 1, shape[1], dtype=torch.int32, device=self.device
            )
            edges = atoms
        else:
            degree = self._degree.index_select(0, atoms)
            target = torch.repeat_interleave(degree, output_size=n_edges)
            edge_first = first_distance.index_select(0, target)
            edge_ptr = _pointer(degree.cumsum(0))
            edges = edge_shift.index_select(0, crystal).index_select(0, target)
            edges.add_(self._arange(n_edges, edges.dtype))
        distances = torch.repeat_interleave(
            distance_shift, distance_count, output_size=n_distances
        )
        distances.add_(self._arange(n_distances, distances.dtype))
        vector = self._vector
        if vector is not None:
            vector = vector.index_select(0, edges).view(-1, 3)
        return GraphBatch(
            atomic_numbers=self._atomic_numbers.index_select(0, atoms),
            atom_ptr=_pointer(atom_end),
            crystal=crystal,
            edge_ptr=edge_ptr,
            target=target,
            neighbor=self._step.index_select(0, edges).view(-1).add_(target),
            distances=self._distances.index_select(0, distances),
            distance_class=self._distance_class.index_select(0, edges)
            .view(-1)
            .add_(edge_first),
            vector=vector,
        )

    def _arange(self, n: int, dtype: torch.dtype) -> Tensor:
        return torch.arange(n, dtype=dtype, device=self.device)


def _pointer(ends: Tensor) -> Tensor:
    return F.pad(ends.int(), (1, 0))
