"""PyG graphs, taken in and given out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._columns import COLUMNS, MULTIPLICITIES, RawGraph

if TYPE_CHECKING:
    from torch_geometric.data import Data

    from ._container import CrystalGraphs


def read_data_list(data_list: Sequence[Any]) -> list[RawGraph]:
    """Read PyG graphs that have the same fields.

    Raises
    ------
    TypeError
        If an entry is not a Data.
    ValueError
        If there are none, or one lacks a field that it needs or the others have.
    """
    graphs = [read_data(data, i) for i, data in enumerate(data_list)]
    if not graphs:
        raise ValueError("data_list is empty: at least one graph is needed.")
    for field in ("vector", "atom_multiplicity"):
        has = [getattr(graph, field) is not None for graph in graphs]
        if has.count(has[0]) < len(has):
            i = has.index(not has[0])
            raise ValueError(
                f"X[{i}] and X[0] differ in having {field}; give all or none one."
            )
    return graphs


def read_data(data: Any, i: int) -> RawGraph:
    """Read one PyG ``Data``; `i` is its number, for messages."""
    from torch_geometric.data import Data

    if not isinstance(data, Data):
        raise TypeError(f"X[{i}] is a {type(data).__name__}, not a PyG Data.")
    missing = [f for f in ("z", "edge_index", "distance") if data.get(f) is None]
    if missing:
        raise ValueError(
            f"X[{i}] has no {', '.join(missing)}; it holds {list(data.keys())}. Graphs "
            "need z (N,), edge_index (2, E) and distance (E,) in Å."
        )
    z = data.z.cpu().numpy()
    if data.edge_index.ndim != 2 or data.edge_index.shape[0] != 2:
        raise ValueError(
            f"X[{i}].edge_index must have shape (2, E), neighbour above atom; it has "
            f"{tuple(data.edge_index.shape)}."
        )
    source, target = data.edge_index.cpu().numpy()
    distance = data.distance.detach().cpu().numpy().astype(np.float64)
    n, n_edges = len(z), len(source)
    if z.ndim != 1 or n == 0 or z.min() < 1 or z.max() > 118 or (z % 1).any():
        raise ValueError(
            f"X[{i}].z must hold one atomic number, 1 to 118, an atom; it is {z}."
        )
    if (
        distance.shape != (n_edges,)
        or not (np.isfinite(distance) & (distance > 0)).all()
    ):
        raise ValueError(
            f"X[{i}].distance must hold a positive length in Å for each of the "
            f"{n_edges} edges; its shape is {distance.shape}."
        )
    if n_edges and not (
        0 <= min(source.min(), target.min()) and max(source.max(), target.max()) < n
    ):
        raise ValueError(
            f"X[{i}].edge_index names atoms outside 0 to {n - 1}, the last of its z."
        )
    lonely = np.flatnonzero(np.bincount(target, minlength=n) == 0)
    if len(lonely):
        raise ValueError(
            f"X[{i}]: atoms {lonely.tolist()[:10]} have no edge that points to them "
            "(edge_index[1]); build the graph with a larger cutoff."
        )
    order = np.argsort(target, kind="stable")
    vector = data.get("vector")
    if vector is not None:
        vector = vector.detach().cpu().numpy().reshape(n_edges, 3)[order]
    return RawGraph(
        z.astype(np.uint8),
        target[order],
        source[order],
        distance[order],
        vector,
        **_multiplicities(data, i, n, order, vector is not None),
    )


def _multiplicities(
    data: Any, i: int, n: int, order: NDArray, vectors: bool
) -> dict[str, NDArray]:
    """Read multiplicities and sites of graphs with merged atoms."""
    found = [f for f in MULTIPLICITIES if data.get(f) is not None]
    if not found:
        return {}
    # Edges that have a vector each are not merged.
    needed = [f for f in MULTIPLICITIES if not (vectors and f == "edge_multiplicity")]
    if found != needed:
        raise ValueError(
            f"X[{i}] holds {', '.join(found)}, but graphs with merged atoms "
            f"{'and vectors ' * vectors}need all of {', '.join(needed)}, and no other."
        )
    fields = {f: data[f].detach().cpu().numpy().astype(np.int64) for f in found}
    atoms, site_atom = fields["atom_multiplicity"], fields["site_atom"]
    edges = fields.get("edge_multiplicity", np.ones_like(order))
    if (
        atoms.shape != (n,)
        or edges.shape != order.shape
        or edges.min(initial=1) < 1
        or edges.max(initial=1) > np.iinfo(COLUMNS["edge_multiplicity"][0]).max
        or site_atom.min(initial=0) < 0
        or not np.array_equal(np.bincount(site_atom, minlength=n), atoms)
    ):
        raise ValueError(
            f"X[{i}]: atom_multiplicity (N,) must say how often each atom is named in "
            "site_atom (S,), and edge_multiplicity (E,) be 1 or more."
        )
    if not vectors:
        fields["edge_multiplicity"] = edges[order]
    return fields


def to_data(graphs: CrystalGraphs, i: int) -> Data:
    """Crystal `i` as a PyG ``Data``."""
    import torch
    from torch_geometric.data import Data

    atoms = slice(graphs.atom_ptr[i], graphs.atom_ptr[i + 1])
    edges = slice(*graphs.edge_ptr[[atoms.start, atoms.stop]])
    lengths = graphs.distances[graphs.distance_ptr[i] : graphs.distance_ptr[i + 1]]
    degree = np.diff(graphs.edge_ptr[graphs.atom_ptr[i] : graphs.atom_ptr[i + 1] + 1])
    fields = {
        "z": graphs.atomic_numbers[atoms].astype(np.int64),
        "edge_index": np.stack(
            [
                graphs.neighbor[edges].astype(np.int64),
                np.repeat(np.arange(len(degree)), degree),
            ]
        ),
        "distance": lengths[graphs.distance_class[edges]],
    }
    if graphs.vector is not None:
        fields["vector"] = graphs.vector[edges].copy()
    if graphs.site_atom is not None:
        sites = slice(graphs.site_ptr[i], graphs.site_ptr[i + 1])
        for name, rows in zip(MULTIPLICITIES, (atoms, edges, sites), strict=True):
            if (column := getattr(graphs, name)) is not None:
                fields[name] = column[rows].astype(np.int64)
    tensors = {name: torch.from_numpy(array) for name, array in fields.items()}
    # Stated, because PyG cannot infer it from these fields
    return Data(**tensors, num_nodes=len(degree))
