"""The part of a crystal that a prediction can depend on, site by site."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..estimators._base import GNNEstimator
from ..graphs import CrystalGraphs, CrystalGraphTransformer
from ..graphs._structures import CrystalArrays, iter_crystals
from ..graphs._subgraphs import Subgraph, extract_subgraph
from ..nn import GraphBatch, GraphStore


@dataclass(frozen=True)
class Neighborhood:
    """Sites of a crystal and edges between them, none merged, as batches have them.

    Attributes
    ----------
    graphs : CrystalGraphs
        Of the one crystal.
    atom : int or None
        The site whose target is predicted; None is the crystal.
    part : Subgraph or None
        Neighbourhood that reaches the network's output at that site; None is the whole
        crystal.
    """

    graphs: CrystalGraphs
    atom: int | None
    part: Subgraph | None

    @classmethod
    def of(
        cls, structure: Any, model: GNNEstimator, atom: int | None = None
    ) -> Neighborhood:
        """The whole crystal; of an atom, the neighbourhood within the network's reach.

        Raises
        ------
        TypeError, ValueError
            If the structure is not a crystal that the model can predict, or it is not
            known how the model's graphs were made.
        """
        settings = model.graph_settings_
        if settings is None:
            raise ValueError(
                "the model was fitted on PyG graphs that do not say how they were "
                "made, so that none can be made of `structure`; fit it on "
                "CrystalGraphs.from_data_list(..., settings=GraphSettings(...))."
            )
        # Each site, and each image of a neighbour, has an importance of its own.
        whole = asdict(replace(settings, reduce=None, vectors=True))
        graphs = CrystalGraphTransformer(**whole).transform([structure])
        graphs = model._graphs_for_prediction(graphs)
        if atom is None:
            return cls(graphs, None, None)
        hops = model.net_.module_.hops
        if hops is None:  # all that can be reached
            hops = int(graphs.n_atoms[0])
        return cls(graphs, atom, extract_subgraph(graphs, 0, np.array([atom]), hops))

    @property
    def sites(self) -> slice | NDArray[np.int64]:
        """The site of each atom of a batch, (N,)."""
        return slice(None) if self.part is None else self.part.atoms

    @property
    def _edges(self) -> slice | NDArray[np.int64]:
        """The edge of the graph that each edge of a batch is, (E,)."""
        return slice(None) if self.part is None else self.part.edges

    def batch(self, model: GNNEstimator) -> GraphBatch:
        """Input batch of the network of `model`, on its device."""
        store = GraphStore.of(self.graphs, model.net_.device)
        if self.part is None:
            return store.gather(np.array([0]))
        return store.extract([self.part])

    def edge_index(self) -> NDArray[np.int64]:
        """Sites of the neighbour and the target of each edge, (2, E)."""
        degree = np.diff(self.graphs.edge_ptr)
        target = np.repeat(np.arange(len(degree)), degree)
        return np.stack([self.graphs.neighbor[self._edges], target[self._edges]])

    def edge_vector(self) -> NDArray[np.float64]:
        """Displacement from target to neighbour in Å, (E, 3)."""
        assert self.graphs.vector is not None  # see `of`
        return self.graphs.vector[self._edges].astype(np.float64)


def arrays_of(structure: Any) -> CrystalArrays:
    """Lattice, positions and atomic numbers of a crystal."""
    return next(iter_crystals([structure]))


def images_of(
    structure: Any, edge_index: NDArray[np.int64], edge_vector: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Lattice translation (E, 3) that leads from each neighbour to its image."""
    crystal = arrays_of(structure)
    neighbor, target = crystal.positions[edge_index]
    translation = edge_vector - (neighbor - target)
    return np.rint(translation @ np.linalg.inv(crystal.lattice)).astype(np.int64)
