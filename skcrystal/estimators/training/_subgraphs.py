"""Partition of large crystals into subgraphs, for training and prediction."""

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

# Edges of the subgraphs of a micro-batch at most, unless it is one of them. Norms over
# atoms then see more than one crystal.
_EDGES_TOGETHER = {"cpu": 120_000}
_EDGES_TOGETHER_ELSEWHERE = 1_000_000

# A crystal with more edges passes through a network in subgraphs. With so many, each
# array with a row an edge takes a few gigabytes in networks of ordinary width.
_EDGES_OF_ONE = {"cpu": 2_000_000}
_EDGES_OF_ONE_ELSEWHERE = 8_000_000


@dataclass(frozen=True)
class Partition:
    """Partition of large crystals into subgraphs.

    Attributes
    ----------
    graphs : CrystalGraphs
    size : int
        Atoms of a part, about. Smaller crystals are parts as they are.
    hops : int
        Number of edges over which messages of a network reach: each part comes with all
        atoms within them.
    """

    graphs: CrystalGraphs
    size: int
    hops: int

    @classmethod
    def if_needed(
        cls, graphs: CrystalGraphs, hops: int | None, device: torch.device
    ) -> Partition | None:
        """Return a partition for the memory of a device; None if crystals fit whole.

        None, too, for a network without a number of `hops`.
        """
        most = edges_of_one(device)
        largest = int(graphs.n_edges.argmax())
        if hops is None or graphs.n_edges[largest] <= most:
            return None
        # A subgraph adds a layer of constant thickness to its part: large parts cost
        # less. One with a quarter of the edges wanted has as many as wanted with that
        # layer, if its radius is one and a half times the thickness.
        degree = graphs.n_edges[largest] / graphs.n_atoms[largest]
        return cls(graphs, max(1, int(most / 4 / degree)), hops)

    def n_parts(self, n_atoms: NDArray) -> NDArray[np.int64]:
        """Count the parts of crystals of (n,) atoms."""
        return n_parts(n_atoms, self.size)

    def cut(self, i: int, random: np.random.RandomState) -> list[NDArray[np.int64]]:
        """Draw parts of a crystal; the atoms of each."""
        n = int(self.n_parts(self.graphs.n_atoms[i]))
        return cut_crystal(self.graphs, i, n, random)

    def extract(self, i: int, core: NDArray) -> Subgraph:
        """Subgraph of some atoms of a crystal with their surroundings."""
        return extract_subgraph(self.graphs, i, core, self.hops)


def edges_of_one(device: torch.device) -> int:
    """Edges of the largest crystal that passes through a network as a whole."""
    return _EDGES_OF_ONE.get(device.type, _EDGES_OF_ONE_ELSEWHERE)


class SubgraphDataset(GraphDataset):
    """Subgraphs of crystals with labels of sites, drawn anew for each pass.

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
    partition : Partition
        Of the graphs of the store.
    """

    def __init__(
        self,
        store: GraphStore,
        rows: NDArray,
        labels: NDArray,
        weights: NDArray,
        label_ptr: NDArray,
        partition: Partition,
    ) -> None:
        super().__init__(store, rows, labels, weights, label_ptr)
        self.first_label = label_ptr[:-1]
        self.partition = partition
        n_atoms = store.n_atoms[rows]
        self._n_parts = partition.n_parts(n_atoms)
        self._sizes = np.repeat(n_atoms // self._n_parts, self._n_parts)

    def __len__(self) -> int:
        return int(self._n_parts.sum())

    @property
    def n_atoms(self) -> NDArray[np.int64]:
        """Atoms of each part, about, without its neighbourhood."""
        return self._sizes

    def of_pass(self, random: np.random.RandomState) -> _OnePass:
        """Draw a partition of all crystals."""
        parts = [
            (i, core)
            for i, row in enumerate(self.rows)
            for core in self.partition.cut(row, random)
        ]
        return _OnePass(self, parts)


class _OnePass:
    """Subgraphs of one pass, for a `GraphLoader`."""

    def __init__(
        self, dataset: SubgraphDataset, parts: list[tuple[int, NDArray[np.int64]]]
    ) -> None:
        self._whole = dataset
        self._cores = parts
        self._n_sites = np.array([self._count(*part) for part in parts])
        self._parts: dict[int, Subgraph] = {}  # of the batch that comes next

    def _count(self, i: int, core: NDArray) -> int:
        graphs = self._whole.partition.graphs
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
        return self._whole.partition.extract(self._whole.rows[i], core)


def site_batches(
    graphs: CrystalGraphs, store: GraphStore, hops: int | None
) -> Iterator[tuple[GraphBatch, slice | NDArray[np.int64]]]:
    """Batches whose queried atoms are all sites of crystals, and their rows in S.

    Crystals too large to pass through a network at once come in parts, each with its
    receptive field.

    Parameters
    ----------
    graphs : CrystalGraphs
    store : GraphStore
        Of these, made with ``sites=True``.
    hops : int
        Number of edges over which messages of a network reach.
    """
    partition = Partition.if_needed(graphs, hops, store.device)
    most = edges_of_one(store.device)
    # A crystal with more edges is a batch by itself then.
    for start, stop in cut(graphs.n_edges, min(edges_at_once(store.device), most)):
        if partition is None or graphs.n_edges[start] <= most:
            sites = slice(graphs.site_ptr[start], graphs.site_ptr[stop])
            yield store.gather(np.arange(start, stop)), sites
            continue
        for core in partition.cut(start, np.random.RandomState(0)):
            part = partition.extract(start, core)
            yield store.extract([part]), graphs.site_ptr[start] + part.sites
