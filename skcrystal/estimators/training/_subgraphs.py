"""Crystals of many atoms, trained on and predicted in parts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from ...graphs import CrystalGraphs
from ...graphs._subgraphs import Subgraph, cut_crystal, extract_subgraph, n_parts
from ...nn import GraphBatch, GraphStore
from ...nn._store import cut, edges_at_once
from ._loader import GraphDataset, Labels

# Parts of crystals that pass through a network together: so many edges, or one part.
# Norms over atoms then see more than one crystal.
_EDGES_TOGETHER = {"cpu": 120_000}
_EDGES_TOGETHER_ELSEWHERE = 1_000_000

# A crystal with more edges than these passes through a network in parts. Arrays of an
# edge each take a few gigabytes at it, for networks of ordinary width.
_EDGES_OF_ONE = {"cpu": 2_000_000}
_EDGES_OF_ONE_ELSEWHERE = 8_000_000


@dataclass(frozen=True)
class Cutting:
    """How crystals are cut in parts.

    Attributes
    ----------
    graphs : CrystalGraphs
    size : int
        Atoms of a part, about. Smaller crystals are parts as they are.
    hops : int
        How many edges away an atom is heard of by a network: each part comes with all
        that it would hear of in the whole.
    """

    graphs: CrystalGraphs
    size: int
    hops: int

    @classmethod
    def if_needed(
        cls, graphs: CrystalGraphs, hops: int | None, device: torch.device
    ) -> Cutting | None:
        """Parts of the size that a device takes; None if crystals fit as a whole.

        Nor are there any where a network has no number of `hops`.
        """
        most = edges_of_one(device)
        largest = int(graphs.n_edges.argmax())
        if hops is None or graphs.n_edges[largest] <= most:
            return None
        # Around a part lies a layer of constant thickness: large parts are the cheaper
        # ones. One whose own edges are a quarter of what is wanted has them all with
        # that layer, if its radius is one and a half times the thickness.
        degree = graphs.n_edges[largest] / graphs.n_atoms[largest]
        return cls(graphs, max(1, int(most / 4 / degree)), hops)

    def n_parts(self, n_atoms: NDArray) -> NDArray[np.int64]:
        """Parts of crystals of (n,) atoms."""
        return n_parts(n_atoms, self.size)

    def cut(self, i: int, random: np.random.RandomState) -> list[NDArray[np.int64]]:
        """Atoms of each part of a crystal."""
        n = int(self.n_parts(self.graphs.n_atoms[i]))
        return cut_crystal(self.graphs, i, n, random)

    def extract(self, i: int, core: NDArray) -> Subgraph:
        """Some atoms of a crystal with what is around them."""
        return extract_subgraph(self.graphs, i, core, self.hops)


def edges_of_one(device: torch.device) -> int:
    """Edges of the largest crystal that passes through a network at once."""
    return _EDGES_OF_ONE.get(device.type, _EDGES_OF_ONE_ELSEWHERE)


class PartsDataset(GraphDataset):
    """Parts of crystals with the labels of their sites, cut anew for each pass.

    Parameters
    ----------
    store : GraphStore
    rows : ndarray of shape (n,)
        Which of its graphs.
    labels, weights : ndarray of shape (R, T)
        Weights are zero where a label is missing.
    label_ptr : ndarray of shape (n + 1,)
        Graph i owns the labels ``label_ptr[i]:label_ptr[i + 1]``, one for each of its
        sites.
    cutting : Cutting
        Of the graphs of the store.
    """

    def __init__(
        self,
        store: GraphStore,
        rows: NDArray,
        labels: NDArray,
        weights: NDArray,
        label_ptr: NDArray,
        cutting: Cutting,
    ) -> None:
        super().__init__(store, rows, labels, weights, label_ptr)
        self.first_label = label_ptr[:-1]
        self.cutting = cutting
        n_atoms = store.n_atoms[rows]
        self._n_parts = cutting.n_parts(n_atoms)
        self._sizes = np.repeat(n_atoms // self._n_parts, self._n_parts)

    def __len__(self) -> int:
        return int(self._n_parts.sum())

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """Atoms of each part, about, without those around it."""
        return self._sizes

    def of_pass(self, random: np.random.RandomState) -> _Parts:
        """Cut all crystals in parts."""
        parts = [
            (i, core)
            for i, row in enumerate(self.rows)
            for core in self.cutting.cut(row, random)
        ]
        return _Parts(self, parts)


class _Parts:
    """The parts of one pass, as a `GraphLoader` reads them."""

    def __init__(
        self, dataset: PartsDataset, parts: list[tuple[int, NDArray[np.int64]]]
    ) -> None:
        self._whole = dataset
        self._cores = parts
        self._n_sites = np.array([self._count(*part) for part in parts])
        self._parts: dict[int, Subgraph] = {}  # of the batch that comes next

    def _count(self, i: int, core: NDArray) -> int:
        graphs = self._whole.cutting.graphs
        if graphs.atom_multiplicity is None:
            return len(core)
        first = graphs.atom_ptr[self._whole.rows[i]]
        return int(graphs.atom_multiplicity[first + core].sum())

    def n_labels(self, rows: NDArray) -> int:
        return int(self._n_sites[rows].sum())

    def split(self, rows: NDArray) -> list[NDArray]:
        self._parts = {row: self._extract(row) for row in rows.tolist()}
        n_edges = np.array([len(part.edges) for part in self._parts.values()])
        device = self._whole.store.device
        budget = _EDGES_TOGETHER.get(device.type, _EDGES_TOGETHER_ELSEWHERE)
        return [rows[start:stop] for start, stop in cut(n_edges, budget)]

    def gather(self, rows: NDArray) -> tuple[GraphBatch, Labels]:
        parts = [self._parts.get(row) or self._extract(row) for row in rows.tolist()]
        whole = self._whole
        labels = [
            whole.first_label[self._cores[row][0]] + part.sites
            for row, part in zip(rows.tolist(), parts, strict=True)
        ]
        index = whole.store.tensor(np.concatenate(labels))
        return whole.store.extract(parts), (whole.labels[index], whole.weights[index])

    def _extract(self, row: int) -> Subgraph:
        i, core = self._cores[row]
        return self._whole.cutting.extract(self._whole.rows[i], core)


def site_batches(
    graphs: CrystalGraphs, store: GraphStore, hops: int | None
) -> Iterator[tuple[GraphBatch, slice | NDArray[np.int64]]]:
    """Batches that ask after all sites of crystals, and where in S these are.

    Crystals too large to pass through a network at once come in parts, each with all
    that it hears of.

    Parameters
    ----------
    graphs : CrystalGraphs
    store : GraphStore
        Of these, made with ``sites=True``.
    hops : int
        How many edges away an atom is heard of.
    """
    cutting = Cutting.if_needed(graphs, hops, store.device)
    most = edges_of_one(store.device)
    # A crystal to be cut comes by itself then.
    for start, stop in cut(graphs.n_edges, min(edges_at_once(store.device), most)):
        if cutting is None or graphs.n_edges[start] <= most:
            sites = slice(graphs.site_ptr[start], graphs.site_ptr[stop])
            yield store.gather(np.arange(start, stop)), sites
            continue
        for core in cutting.cut(start, np.random.RandomState(0)):
            part = cutting.extract(start, core)
            yield store.extract([part]), graphs.site_ptr[start] + part.sites
