"""Graphs on a device, gathered into batches."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ._batch import GraphBatch

# Owner of the rows of each column in a batch: atom, edge or distance
_ROWS = {
    "atomic_numbers": "atom",
    "atom_multiplicity": "atom",
    "neighbor": "edge",
    "distance_class": "edge",
    "vector": "edge",
    "edge_multiplicity": "edge",
    "distances": "distance",
    "site_atom": "site",
}

# A batch has at most this many edges (or is one crystal). On the CPU enough to keep
# the cores busy, and few enough that activations between two layers fit memory that was
# in use just before: arrays ten times larger come fresh from the system each time,
# which clears them page by page, ten times slower. Elsewhere the activations of the
# widest layer take a quarter of a gigabyte.
_EDGES_AT_ONCE = {"cpu": 30_000}
_EDGES_ELSEWHERE = 400_000


class GraphStore:
    """Columns of many graphs on one device, from which batches are gathered.

    On the CPU columns are not copied: if mapped from a file, they stay there, and only
    the rows of a batch are read.

    Parameters
    ----------
    columns : dict of str to ndarray
        ``atomic_numbers`` (N,), ``neighbor`` (E,), ``distance_class`` (E,) and
        ``distances`` (D,), with optional ``vector`` (E, 3), ``atom_multiplicity`` (N,)
        and ``edge_multiplicity`` (E,), as in ``CrystalGraphs``. With ``site_atom``
        (S,), the queried atoms of a batch are those of its sites.
    atom_ptr : ndarray of shape (n + 1,), int64
        Crystal i owns atoms ``atom_ptr[i]:atom_ptr[i + 1]``.
    edge_ptr : ndarray of shape (N + 1,), int64
        Atom a is the target of edges ``edge_ptr[a]:edge_ptr[a + 1]``.
    distance_ptr : ndarray of shape (n + 1,), int64
        Crystal i owns ``distances[distance_ptr[i]:distance_ptr[i + 1]]``.
    site_ptr : ndarray of shape (n + 1,), int64, optional
        Crystal i owns ``site_atom[site_ptr[i]:site_ptr[i + 1]]``.
    device : str or torch.device, default="cpu"
    """

    def __init__(
        self,
        columns: dict[str, NDArray],
        *,
        atom_ptr: NDArray,
        edge_ptr: NDArray,
        distance_ptr: NDArray,
        site_ptr: NDArray | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        # Sizes of batches are computed on the host, without waiting for the device.
        # First row and number of rows of each crystal, for atoms, edges and distances:
        of_kinds = [atom_ptr, edge_ptr[atom_ptr], distance_ptr]
        if site_ptr is not None:
            of_kinds.append(site_ptr)
        self._kinds = ("atom", "edge", "distance", "site")[: len(of_kinds)]
        pointers = np.stack(of_kinds)
        self._starts, self._counts = pointers[:, :-1], np.diff(pointers)
        self._edge_start = self.tensor(edge_ptr)
        # Half the memory traffic, as long as rows can be numbered so
        self._row_dtype = np.int32 if pointers[:, -1].max() < 2**31 else np.int64
        self._columns = {
            name: self.tensor(columns[name])
            for name, kind in _ROWS.items()
            if name in columns and kind in self._kinds
        }

    @classmethod
    def of(
        cls, graphs: Any, device: str | torch.device = "cpu", *, sites: bool = False
    ) -> GraphStore:
        """Store of graphs on a device.

        Parameters
        ----------
        graphs : CrystalGraphs
        device : str or torch.device, default="cpu"
        sites : bool, default=False
            Whether the queried atoms of batches are those of the sites of each crystal.
            By default batches have no queried atoms.
        """
        has_sites = sites and graphs.site_atom is not None
        return cls(
            graphs.columns(),
            atom_ptr=graphs.atom_ptr,
            edge_ptr=graphs.edge_ptr,
            distance_ptr=graphs.distance_ptr,
            site_ptr=graphs.site_ptr if has_sites else None,
            device=device,
        )

    def __len__(self) -> int:
        return self._counts.shape[1]

    def batches(self) -> Iterator[GraphBatch]:
        """All crystals in order, in batches of as many edges as best pass at once."""
        for start, stop in cut(self.n_edges, edges_at_once(self.device)):
            yield self.gather(np.arange(start, stop))

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """Atoms of each graph, of shape (n,)."""
        return self._counts[0]

    @property
    def n_edges(self) -> NDArray[np.int64]:
        """Edges of each graph, of shape (n,)."""
        return self._counts[1]

    def gather(self, rows: NDArray) -> GraphBatch:
        """Batch of the crystals `rows` (B,), in that order; no loop over them."""
        counts = self._counts.take(rows, axis=1)
        ends = counts.cumsum(1)
        begins = ends - counts
        # Offset from a row of the batch to its row here
        shifts = (self._starts.take(rows, axis=1) - begins).astype(self._row_dtype)
        row = {
            kind: self._rows(*of_kind)
            for kind, *of_kind in zip(self._kinds, shifts, counts, strict=True)
        }
        first_atom, _, first_distance, *_ = begins.astype(np.int32)
        n_atoms, n_edges, *_ = ends[:, -1].tolist()
        edge_ptr = torch.empty(n_atoms + 1, dtype=torch.int32, device=self.device)
        edge_ptr[-1] = n_edges
        torch.sub(
            self._edge_start.index_select(0, row["atom"]),
            self._repeat(shifts[1], counts[0]),
            out=edge_ptr[:-1],
        )
        taken = self._take(row)
        if "site_atom" in taken:
            taken["site_atom"].add_(self._repeat(first_atom, counts[3]))
        return GraphBatch(
            atomic_numbers=taken["atomic_numbers"].int(),
            atom_ptr=self.tensor(_pointer(ends[0])),
            crystal=self._repeat(np.arange(len(rows), dtype=np.int32), counts[0]),
            edge_ptr=edge_ptr,
            target=self._targets(edge_ptr, n_edges),
            neighbor=taken["neighbor"].add_(self._repeat(first_atom, counts[1])),
            distances=taken["distances"],
            distance_class=taken["distance_class"].add_(
                self._repeat(first_distance, counts[1])
            ),
            vector=taken.get("vector"),
            query_rows=taken.get("site_atom"),
            **_weights(taken),
        )

    def extract(self, parts: Sequence[Any]) -> GraphBatch:
        """Batch of subgraphs of crystals, whose queried atoms are those of their cores.

        A part has the arrays of ``skcrystal.graphs._subgraphs.Subgraph``.
        """
        joined = {
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in ("atoms", "edges", "distances", "degree")
        }
        n_atoms = np.array([len(part.atoms) for part in parts], dtype=np.int32)
        n_distances = np.array([len(part.distances) for part in parts])
        neighbor, query_rows = (
            _renumbered([getattr(part, name) for part in parts], n_atoms)
            for name in ("neighbor", "query_rows")
        )
        classes = _renumbered([part.distance_class for part in parts], n_distances)
        taken = self._take(
            {
                kind: self.tensor(joined[f"{kind}s"])
                for kind in ("atom", "edge", "distance")
            }
        )
        edge_ptr = self.tensor(_pointer(np.cumsum(joined["degree"])))
        return GraphBatch(
            atomic_numbers=taken["atomic_numbers"].int(),
            atom_ptr=self.tensor(_pointer(np.cumsum(n_atoms))),
            crystal=self._repeat(np.arange(len(parts), dtype=np.int32), n_atoms),
            edge_ptr=edge_ptr,
            target=self._targets(edge_ptr, len(neighbor)),
            neighbor=self.tensor(neighbor),
            distances=taken["distances"],
            distance_class=self.tensor(classes),
            vector=taken.get("vector"),
            query_rows=self.tensor(query_rows),
            **_weights(taken),
        )

    def _take(self, rows: dict[str, Tensor]) -> dict[str, Tensor]:
        """Rows of each column whose kind has some."""
        return {
            name: column.index_select(0, rows[_ROWS[name]])
            for name, column in self._columns.items()
            if _ROWS[name] in rows
        }

    def tensor(self, array: NDArray) -> Tensor:
        """Put an array on the device; on the CPU it is not copied."""
        if array.flags.writeable:
            tensor = torch.from_numpy(array)
        else:
            # Columns are read-only and never written, but torch would warn.
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The given NumPy array is not")
                tensor = torch.from_numpy(np.asarray(array))
        if self.device.type == "cuda":
            # From pinned memory a copy need not be waited for.
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _rows(self, shifts: NDArray, counts: NDArray) -> Tensor:
        """Rows here of each row of the batch, which lie `shifts` away from it."""
        n = int(counts.sum())
        if self.device.type == "cpu":
            rows = np.repeat(shifts, counts)
            rows += np.arange(n, dtype=rows.dtype)
            return torch.from_numpy(rows)
        repeated = self._repeat(shifts, counts)
        return repeated.add_(torch.arange(n, dtype=repeated.dtype, device=self.device))

    def _repeat(self, values: NDArray, counts: NDArray) -> Tensor:
        """Each of `values`, repeated `counts` times."""
        if self.device.type == "cpu":
            # torch's would start all threads for any number of rows, and wait for
            # each of them where other work keeps the cores busy.
            return torch.from_numpy(np.repeat(values, counts))
        return torch.repeat_interleave(
            self.tensor(values), self.tensor(counts), output_size=int(counts.sum())
        )

    def _targets(self, edge_ptr: Tensor, n_edges: int) -> Tensor:
        """Target of each edge, from where the edges of each atom start."""
        if self.device.type == "cpu":
            degree = np.diff(edge_ptr.numpy())
            return torch.from_numpy(
                np.repeat(np.arange(len(degree), dtype=np.int32), degree)
            )
        atoms = torch.arange(len(edge_ptr) - 1, dtype=torch.int32, device=self.device)
        return torch.repeat_interleave(atoms, edge_ptr.diff(), output_size=n_edges)


def _weights(taken: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a batch, where equal atoms or edges are merged."""
    return {
        f"{kind}_weight": taken[f"{kind}_multiplicity"].float()
        for kind in ("atom", "edge")
        if f"{kind}_multiplicity" in taken
    }


def _renumbered(indices: list[NDArray], counts: NDArray) -> NDArray[np.int32]:
    """Indices of rows of parts, joined and shifted to rows of the whole."""
    starts = np.cumsum(counts) - counts
    shifted = [index + start for index, start in zip(indices, starts, strict=True)]
    return np.concatenate(shifted).astype(np.int32)


def _pointer(ends: NDArray) -> NDArray[np.int32]:
    pointer = np.zeros(len(ends) + 1, dtype=np.int32)
    pointer[1:] = ends
    return pointer


def edges_at_once(device: torch.device) -> int:
    """Edges that best pass through a network together."""
    return _EDGES_AT_ONCE.get(device.type, _EDGES_ELSEWHERE)


def cut(
    sizes: NDArray, budget: int, most: int | None = None
) -> Iterator[tuple[int, int]]:
    """Cut rows into slices within a budget, of one row at least.

    Parameters
    ----------
    sizes : ndarray of shape (n,)
        Of each row, in the unit of the budget.
    budget : int
    most : int, optional
        Largest number of rows of a slice.

    Yields
    ------
    start, stop : int
    """
    ends, start = np.cumsum(sizes), 0
    while start < len(sizes):
        done = ends[start - 1] if start else 0
        stop = int(np.searchsorted(ends, done + budget, side="right"))
        if most is not None:
            stop = min(stop, start + most)
        stop = max(stop, start + 1)
        yield start, stop
        start = stop
