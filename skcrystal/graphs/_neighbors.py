"""Who neighbours whom: the edges of one crystal."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Element
from pymatgen.optimization.neighbors import find_points_in_spheres

from ._settings import GraphSettings
from ._structures import CrystalArrays

# Pairs at equal distance differ only by rounding, whose size depends on how
# a cell was written down: 1e-8 in fractional coordinates is 1e-7 Å.
_TIE = 1e-5  # Å
_COINCIDENT = 1e-3  # Å


class Edges(NamedTuple):
    """Directed edges of one crystal, sorted by target."""

    target: NDArray[np.int64]  # (E,)
    neighbor: NDArray[np.int64]  # (E,)
    distance: NDArray[np.float64]  # (E,), Å
    image: NDArray[np.float64] | None  # (E, 3), lattice translation of the neighbour

    def take(self, index: NDArray) -> "Edges":
        return Edges(
            self.target[index],
            self.neighbor[index],
            self.distance[index],
            None if self.image is None else self.image[index],
        )

    def followed_by(self, other: "Edges") -> "Edges":
        """These and others, which have images if these do."""
        image = None
        if self.image is not None and other.image is not None:
            image = np.concatenate([self.image, other.image])
        return Edges(
            np.concatenate([self.target, other.target]),
            np.concatenate([self.neighbor, other.neighbor]),
            np.concatenate([self.distance, other.distance]),
            image,
        )


def find_edges(crystal: CrystalArrays, settings: GraphSettings, i: int) -> Edges:
    """Join each atom to its neighbours, periodic images included.

    Parameters
    ----------
    crystal : CrystalArrays
        Ordered crystal of N atoms.
    settings : GraphSettings
        ``cutoff`` in Å, ``max_neighbors``, ``whole_shells`` and ``on_isolated``.
    i : int
        The crystal's number, for messages.

    Returns
    -------
    Edges
        Sorted by target atom; with ``max_neighbors`` by distance within an atom.

    Raises
    ------
    ValueError
        If two sites coincide, or an atom has no neighbour inside the cutoff and
        ``on_isolated="error"`` (or the crystal has no second atom or image at all).
    """
    # Images are the widest column by far, so they are carried only where needed.
    images = settings.vectors or settings.max_neighbors is not None
    edges = _search(crystal, settings.cutoff, images)
    if len(edges.distance) and edges.distance.min() < _COINCIDENT:
        e = int(edges.distance.argmin())
        raise ValueError(
            f"X[{i}] ({_formula(crystal)}): sites {edges.target[e]} and "
            f"{edges.neighbor[e]} coincide ({edges.distance[e]:.2g} Å apart); remove "
            "one, for example with pymatgen's Structure.merge_sites."
        )
    degree = np.bincount(edges.target, minlength=len(crystal.atomic_numbers))
    if not degree.all():
        edges = _join_isolated(crystal, settings, edges, np.flatnonzero(degree == 0), i)
    if settings.max_neighbors is not None:
        edges = _nearest(crystal, edges, settings)
    return edges


def _search(crystal: CrystalArrays, cutoff: float, images: bool) -> Edges:
    target, neighbor, image, distance = find_points_in_spheres(
        crystal.positions,
        crystal.positions,
        r=float(cutoff),
        pbc=crystal.pbc,
        lattice=crystal.lattice,
        tol=1e-8,
    )
    # The search finds every atom itself, at distance 0, which is not an edge.
    others = distance > 1e-8
    if len(distance) - np.count_nonzero(others) > len(crystal.atomic_numbers):
        others |= target != neighbor  # two sites in one place, to be refused
    edges = Edges(
        target[others],
        neighbor[others],
        distance[others],
        image[others] if images else None,
    )
    if np.any(edges.target[1:] < edges.target[:-1]):
        edges = edges.take(np.argsort(edges.target, kind="stable"))
    return edges


def _join_isolated(
    crystal: CrystalArrays,
    settings: GraphSettings,
    edges: Edges,
    isolated: NDArray[np.int64],
    i: int,
) -> Edges:
    """Join atoms without neighbours to their nearest shell, or refuse."""
    if settings.on_isolated == "error":
        raise ValueError(
            f"X[{i}] ({_formula(crystal)}): sites {isolated.tolist()[:10]} have no "
            f"neighbour within cutoff={settings.cutoff:g} Å. Raise `cutoff`, or join "
            'them to their nearest neighbours with on_isolated="nearest".'
        )
    if len(crystal.atomic_numbers) == 1 and not crystal.pbc.any():
        raise ValueError(
            f"X[{i}] ({_formula(crystal)}) is a lone atom without periodic images; "
            "it has no neighbour at any distance. Remove it."
        )
    reach = settings.cutoff
    while len(isolated):
        reach *= 1.5
        wider = _search(crystal, reach, edges.image is not None)
        nearest = np.full(len(crystal.atomic_numbers), np.inf)
        np.minimum.at(nearest, wider.target, wider.distance)
        joined = isolated[np.isfinite(nearest[isolated])]
        shell = np.isin(wider.target, joined) & (
            wider.distance <= nearest[wider.target] + _TIE
        )
        edges = edges.followed_by(wider.take(shell))
        isolated = np.setdiff1d(isolated, joined)
    return edges.take(np.argsort(edges.target, kind="stable"))


def _nearest(crystal: CrystalArrays, edges: Edges, settings: GraphSettings) -> Edges:
    """Keep the ``max_neighbors`` nearest of each atom, breaking ties by rule.

    Ties are broken by atomic number, then site, then image, so that neither rounding
    nor the order in which the search happens to report the images decides the graph.
    """
    assert settings.max_neighbors is not None  # else there is no limit to apply
    order = _order(
        [edges.target, np.rint(edges.distance * 1e7).astype(np.int64)],
    )
    target, distance = edges.target[order], edges.distance[order]
    first = np.searchsorted(target, np.arange(len(crystal.atomic_numbers) + 1))
    last = np.minimum(first[:-1] + settings.max_neighbors, first[1:]) - 1
    candidate = distance <= distance[last][target] + 10 * _TIE
    edges = edges.take(order[candidate])

    # A shell ends where the distance jumps; its number is local to the crystal.
    jump = np.diff(edges.distance, prepend=-np.inf) > _TIE
    jump |= np.diff(edges.target, prepend=-1) > 0
    shell: NDArray[np.int64] = np.cumsum(jump)
    assert edges.image is not None  # `find_edges` returns them for a limit
    image = edges.image.astype(np.int64)
    image -= image.min(axis=0)
    numbers = crystal.atomic_numbers[edges.neighbor].astype(np.int64)
    order = _order([shell, numbers, edges.neighbor, *image.T])
    edges = edges.take(order)  # `shell` ascends, so this order leaves it as it is
    first = np.searchsorted(edges.target, edges.target)
    keep = np.arange(len(edges.target)) - first < settings.max_neighbors
    if settings.whole_shells:
        keep |= np.isin(shell, shell[keep])
    return edges.take(keep)


def _order(keys: list[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Rows in ascending order of keys that are not negative, the first one foremost.

    One integer that holds all keys and, lowest, the row sorts several times faster than
    rows do by several keys, if its 63 bits suffice.
    """
    row = np.arange(len(keys[0]))
    joint, n_bits = np.zeros_like(row), 0
    for key in [*keys, row]:
        bits = int(key.max(initial=0)).bit_length()
        n_bits += bits
        if n_bits > 63:
            return np.lexsort(keys[::-1])
        joint = (joint << bits) | key
    joint.sort()
    return joint & ((1 << bits) - 1)


def _formula(crystal: CrystalArrays) -> str:
    # pymatgen's own formulas sort by electronegativity, and warn where there is none.
    numbers, counts = np.unique(crystal.atomic_numbers, return_counts=True)
    return " ".join(
        f"{Element.from_Z(int(z)).symbol}{count}"
        for z, count in zip(numbers, counts, strict=True)
    )
