"""The columns that hold many graphs: which there are, and how they are joined."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._distances import RESOLUTION, distance_classes
from ._ragged import to_pointer
from ._settings import GraphSettings
from ._symmetry import quotient

# name: (dtype, owner of each row, shape of a row)
COLUMNS: dict[str, tuple[type, str, tuple[int, ...]]] = {
    "atomic_numbers": (np.uint8, "atom", ()),
    "degree": (np.int32, "atom", ()),
    "neighbor": (np.int32, "edge", ()),
    "distance_class": (np.int32, "edge", ()),
    "distances": (np.float32, "distance", ()),
    "vector": (np.float32, "edge", (3,)),
    "atom_multiplicity": (np.int32, "atom", ()),
    "edge_multiplicity": (np.int16, "edge", ()),
    "site_atom": (np.int32, "site", ()),
}
# Columns that only graphs have whose equal atoms are merged; edges with vectors are not
MULTIPLICITIES = ("atom_multiplicity", "edge_multiplicity", "site_atom")

Columns = dict[str, NDArray]


class RawGraph(NamedTuple):
    """One crystal as it was found: N atoms and E edges, sorted by target."""

    atomic_numbers: NDArray  # (N,)
    target: NDArray  # (E,)
    neighbor: NDArray  # (E,)
    distance: NDArray  # (E,), Å
    vector: NDArray | None = None  # (E, 3), Å
    # Of graphs that are merged already:
    atom_multiplicity: NDArray | None = None  # (N,)
    edge_multiplicity: NDArray | None = None  # (E,)
    site_atom: NDArray | None = None  # (S,)


class State(NamedTuple):
    """Columns and counts of CrystalGraphs, as they are pickled."""

    columns: Columns
    # Rows of each crystal: "atom" and "distance", and "site" if atoms are merged.
    # Those of "edge" follow from the column "degree".
    counts: dict[str, NDArray]
    settings: GraphSettings | None


def assemble(graphs: Sequence[RawGraph], settings: GraphSettings | None) -> State:
    """Columns of some crystals, with equal atoms merged if the settings say so.

    Steps that are the same for every crystal run over all of them at once: on a graph
    of a few hundred edges the overhead of numpy exceeds the computation.
    """
    n_atoms = np.array([len(graph.atomic_numbers) for graph in graphs])
    n_edges = np.array([len(graph.distance) for graph in graphs])
    tolerance = None  # of merging, which graphs that are merged already are spared
    if settings is not None and settings.reduce == "symmetry":
        tolerance = settings.tolerance if graphs[0].site_atom is None else None
    distance = np.concatenate([graph.distance for graph in graphs])
    classes, distances, n_distances = distance_classes(
        distance,
        n_edges,
        RESOLUTION if tolerance is None else tolerance,
    )
    target = np.concatenate([graph.target for graph in graphs])
    target += np.repeat(to_pointer(n_atoms)[:-1], n_edges)
    columns: Columns = {
        "atomic_numbers": np.concatenate([graph.atomic_numbers for graph in graphs]),
        "degree": np.bincount(target, minlength=n_atoms.sum()),
        "neighbor": np.concatenate([graph.neighbor for graph in graphs]),
        "distance_class": classes,
        "distances": distances,
    }
    counts = {"atom": n_atoms, "distance": n_distances}
    for name in ("vector", *MULTIPLICITIES):
        if getattr(graphs[0], name) is not None:
            columns[name] = np.concatenate([getattr(graph, name) for graph in graphs])
    if "site_atom" in columns:
        # One graph has it if all do.
        of_sites = [g.site_atom for g in graphs if g.site_atom is not None]
        counts["site"] = np.array([len(atoms) for atoms in of_sites])
    elif tolerance is not None:
        columns, counts = _merge(columns, counts, distance, tolerance)
    return State(
        {name: columns[name].astype(COLUMNS[name][0]) for name in columns},
        {name: count.astype(np.int32) for name, count in counts.items()},
        settings,
    )


def _merge(
    columns: Columns, counts: dict[str, NDArray], distance: NDArray, tolerance: float
) -> tuple[Columns, dict[str, NDArray]]:
    vector = columns.get("vector")
    merged = quotient(
        columns["atomic_numbers"],
        counts["atom"],
        columns["degree"],
        columns["neighbor"],
        columns["distance_class"],
        direction=None if vector is None else vector / distance[:, None],
        tolerance=tolerance,
    )
    columns = {
        "atomic_numbers": columns["atomic_numbers"][merged.atom],
        "degree": merged.degree,
        "neighbor": merged.neighbor,
        "distance_class": merged.distance_class,
        "distances": columns["distances"],
        "atom_multiplicity": merged.atom_multiplicity,
        "site_atom": merged.site_atom,
    }
    if merged.edge_multiplicity is not None:
        columns["edge_multiplicity"] = merged.edge_multiplicity
    if vector is not None:
        columns["vector"] = vector[merged.edge]
    return columns, {
        "atom": merged.n_atoms,
        "distance": counts["distance"],
        "site": counts["atom"],
    }


def split(state: State) -> list[Columns]:
    """Columns of each crystal alone."""
    columns, counts, _ = state
    pointers = {name: to_pointer(count) for name, count in counts.items()}
    pointers["edge"] = to_pointer(columns["degree"])[pointers["atom"]]
    return [
        {
            name: column[slice(*pointers[COLUMNS[name][1]][i : i + 2])]
            for name, column in columns.items()
        }
        for i in range(len(counts["atom"]))
    ]


def join(parts: Sequence[Columns], settings: GraphSettings | None) -> State:
    """State of crystals from separate columns; the reverse of `split`."""
    shapes = {"atom": "atomic_numbers", "distance": "distances", "site": "site_atom"}
    return State(
        {name: np.concatenate([part[name] for part in parts]) for name in parts[0]},
        {
            name: np.array([len(part[column]) for part in parts], np.int32)
            for name, column in shapes.items()
            if column in parts[0]
        },
        settings,
    )


class Joiner:
    """Append the states of containers, holding little more than the result.

    Columns grow in place by an eighth at a time. Keeping all parts until their sizes
    are known would hold everything twice.
    """

    def __init__(self) -> None:
        self._columns: dict[str, NDArray] = {}
        self._sizes: dict[str, int] = {}
        self._settings: GraphSettings | None = None
        self._n_parts = 0

    def append(self, state: State) -> None:
        """Append a part.

        Raises
        ------
        ValueError
            If it was made with other settings than the first, or has other columns.
        """
        columns, counts, settings = state
        columns = flatten(columns, counts)
        if self._n_parts == 0:
            self._settings = settings
            self._columns = {n: np.empty_like(c[:0]) for n, c in columns.items()}
            self._sizes = dict.fromkeys(columns, 0)
        elif columns.keys() != self._columns.keys():
            raise ValueError(
                f"parts[{self._n_parts}] holds {', '.join(columns)}, but parts[0] "
                f"{', '.join(self._columns)}; make both with the same settings."
            )
        elif settings != self._settings:
            raise ValueError(
                f"parts[{self._n_parts}] was made with {settings}, but parts[0] with "
                f"{self._settings}; transform both with the same "
                "CrystalGraphTransformer."
            )
        self._n_parts += 1
        for name, part in columns.items():
            start = self._sizes[name]
            stop = self._sizes[name] = start + len(part)
            whole = self._columns[name]
            if stop > len(whole):
                whole.resize((stop + stop // 8, *whole.shape[1:]), refcheck=False)
            whole[start:stop] = part

    def result(self) -> State:
        """State of the container; the joiner is of no more use then.

        Raises
        ------
        ValueError
            If no part was appended.
        """
        if self._n_parts == 0:
            raise ValueError(
                "no graphs to concatenate; give at least one CrystalGraphs."
            )
        columns = self._columns
        for name, whole in columns.items():
            whole.resize((self._sizes[name], *whole.shape[1:]), refcheck=False)
        return State(*unflatten(columns), self._settings)


def flatten(columns: Columns, counts: dict[str, NDArray]) -> Columns:
    """Columns with counts added under names of their own."""
    return {**columns, **{_COUNT + name: count for name, count in counts.items()}}


def unflatten(columns: Columns) -> tuple[Columns, dict[str, NDArray]]:
    """Take columns and counts apart again."""
    counts = {
        name.removeprefix(_COUNT): column
        for name, column in columns.items()
        if name.startswith(_COUNT)
    }
    return {n: c for n, c in columns.items() if not n.startswith(_COUNT)}, counts


_COUNT = "rows of "
