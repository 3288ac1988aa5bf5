"""From the edges of single crystals to columns."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._container import CrystalGraphs
from ._settings import GraphSettings

# Lengths closer than this are one. Rounding errors of a cell's coordinates are below
# 1e-6 Å, and no network resolves what moves an energy by less than a µeV.
_RESOLUTION = 1e-5  # Å

Columns = dict[str, NDArray]


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


def pack(parts: Sequence[Columns], settings: GraphSettings | None) -> CrystalGraphs:
    """Put the columns of single crystals into one container."""
    n_atoms = np.array([len(part["atomic_numbers"]) for part in parts])
    n_distances = np.array([len(part["distances"]) for part in parts])
    columns = {
        name: np.concatenate([part[name] for part in parts]) for name in parts[0]
    }
    return CrystalGraphs(
        columns, n_atoms=n_atoms, n_distances=n_distances, settings=settings
    )


def join(states: list[tuple[Any, ...]]) -> CrystalGraphs:
    """Join the states of containers, letting go of each column once it is copied."""
    if not states:
        raise ValueError(
            "nothing to concatenate: at least one CrystalGraphs is needed."
        )
    settings = states[0][3]
    for i, state in enumerate(states):
        if state[3] != settings or state[0].keys() != states[0][0].keys():
            raise ValueError(
                f"parts[{i}] was made with {state[3]}, but parts[0] with {settings}; "
                "transform both with the same CrystalGraphTransformer."
            )
    if len(states) == 1:
        columns = states[0][0]
    else:
        columns = {
            name: np.concatenate([state[0].pop(name) for state in states])
            for name in list(states[0][0])
        }
    return CrystalGraphs(
        columns,
        n_atoms=np.concatenate([state[1] for state in states]),
        n_distances=np.concatenate([state[2] for state in states]),
        settings=settings,
    )
