"""The columns that hold many graphs: which there are, and how they are joined."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ._settings import GraphSettings

# name: (dtype, what has a row each, shape of a row)
COLUMNS: dict[str, tuple[type, str, tuple[int, ...]]] = {
    "atomic_numbers": (np.uint8, "atom", ()),
    "degree": (np.int32, "atom", ()),
    "neighbor": (np.int32, "edge", ()),
    "distance_class": (np.int32, "edge", ()),
    "distances": (np.float32, "distance", ()),
    "vector": (np.float32, "edge", (3,)),
}

# Lengths closer than this are one. Rounding errors of a cell's coordinates are below
# 1e-6 Å, and no network resolves what moves an energy by less than a µeV.
_RESOLUTION = 1e-5  # Å

Columns = dict[str, NDArray]
# What CrystalGraphs pickles as: columns, atoms and distances of each crystal, settings
State = tuple[Columns, NDArray, NDArray, GraphSettings | None]


def crystal_columns(
    atomic_numbers: NDArray,
    target: NDArray,
    neighbor: NDArray,
    distance: NDArray,
    vector: NDArray | None = None,
) -> Columns:
    """Columns of one crystal from its edges, which are sorted by target."""
    distances, distance_class = _distinct(distance)
    columns = {
        "atomic_numbers": atomic_numbers,
        "degree": np.bincount(target, minlength=len(atomic_numbers)).astype(np.int32),
        "neighbor": neighbor.astype(np.int32),
        "distance_class": distance_class,
        "distances": distances,
    }
    if vector is not None:
        columns["vector"] = vector.astype(np.float32)
    return columns


def _distinct(distance: NDArray) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """``np.unique(..., return_inverse=True)`` at our resolution, in half the time.

    The position rides in the low half of the sorted integer, which spares the
    indirect sort.
    """
    n = len(distance)
    # Shifted, because a lattice constant with five decimals would put many lengths
    # right on the border between two integers, to be parted by rounding.
    key = np.rint(distance / _RESOLUTION + 0.3).astype(np.int64)
    tagged = np.sort((key << 32) | np.arange(n))
    key = tagged >> 32
    new = np.empty(n, dtype=bool)
    new[:1] = True
    np.not_equal(key[1:], key[:-1], out=new[1:])
    position = tagged & 0xFFFFFFFF
    inverse = np.empty(n, dtype=np.int32)
    inverse[position] = np.cumsum(new, dtype=np.int32) - 1
    return distance[position[new]].astype(np.float32), inverse


def pack(parts: Sequence[Columns], settings: GraphSettings | None) -> State:
    """State of a container with the columns of single crystals."""
    n_atoms = np.array([len(part["atomic_numbers"]) for part in parts])
    n_distances = np.array([len(part["distances"]) for part in parts])
    columns = {
        name: np.concatenate([part[name] for part in parts]) for name in parts[0]
    }
    return columns, n_atoms, n_distances, settings


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
        columns, n_atoms, n_distances, settings = state
        columns = {**columns, "n_atoms": n_atoms, "n_distances": n_distances}
        if self._n_parts == 0:
            self._settings = settings
            self._columns = {n: np.empty_like(c[:0]) for n, c in columns.items()}
            self._sizes = dict.fromkeys(columns, 0)
        elif columns.keys() != self._columns.keys():
            raise ValueError(
                f"parts[{self._n_parts}] holds {', '.join(columns)}, but parts[0] "
                f"{', '.join(self._columns)}; make both alike."
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
            If nothing was appended.
        """
        if self._n_parts == 0:
            raise ValueError("nothing to concatenate; give at least one CrystalGraphs.")
        columns = self._columns
        for name, whole in columns.items():
            whole.resize((self._sizes[name], *whole.shape[1:]), refcheck=False)
        counts = columns.pop("n_atoms"), columns.pop("n_distances")
        return columns, *counts, self._settings
