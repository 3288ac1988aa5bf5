"""Persistent homology around an atom, and cycles that stand for its classes."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure


def persistence(
    structure: Structure,
    atom: int,
    radius: float,
    *,
    max_dimension: int = 1,
    min_persistence: float = 1e-6,
) -> list[NDArray[np.float64]]:
    """Persistence diagrams of the atoms around an atom.

    Balls grow around the atoms. A class of dimension 0 is a piece, of dimension 1 a
    ring, of dimension 2 a cavity that the balls close around; it is born at one radius
    of the balls and dies at another. The classes are those of the alpha complex [1]_
    with coefficients modulo 2.

    Parameters
    ----------
    structure : Structure
        Periodic; atoms across its boundaries count like all others.
    atom : int
        The site in the middle.
    radius : float
        Atoms up to so far from it, in Å. Beyond is empty space, so classes near the
        surface of this sphere are those of the cut.
    max_dimension : {0, 1, 2}, default=1
        Highest dimension of classes.
    min_persistence : float, default=1e-6
        Classes that live no longer than this, in Å, are left out.

    Returns
    -------
    list of ndarray of shape (n_classes, 2)
        Birth and death in Å of balls' radii, a diagram each for dimension 0, 1, ...,
        by birth. One piece never dies: its death is infinite.

    Raises
    ------
    ValueError
        If the atom does not exist, or a parameter is out of range.
    ImportError
        If GUDHI is not installed.

    See Also
    --------
    homology_cycles : Which atoms are the rings.

    Notes
    -----
    All elements have balls of one size. GUDHI's alpha complex [2]_ is made with CGAL,
    whose licence is the GPL; this package comes without either.

    References
    ----------
    .. [1] H. Edelsbrunner, J. Harer, "Computational topology", AMS, 2010.
    .. [2] The GUDHI Project, "GUDHI user and reference manual", gudhi.inria.fr.

    Examples
    --------
    A square of edge 2 Å closes at 1 Å and is full at half its diagonal:

    >>> from pymatgen.core import Lattice, Structure
    >>> from skcrystal.inspection import persistence
    >>> corners = [[0, 0, 0], [2, 0, 0], [2, 2, 0], [0, 2, 0]]
    >>> square = Structure(
    ...     Lattice.cubic(20), ["C"] * 4, corners, coords_are_cartesian=True
    ... )
    >>> persistence(square, 0, radius=5)[1].round(3)
    array([[1.   , 1.414]])
    """
    if max_dimension not in (0, 1, 2):
        raise ValueError(f"max_dimension={max_dimension!r} has to be 0, 1 or 2.")
    _check_min_persistence(min_persistence)
    tree = _alpha_complex(surroundings(structure, atom, radius))
    diagrams = []
    for dimension in range(max_dimension + 1):
        squared = tree.persistence_intervals_in_dimension(dimension).reshape(-1, 2)
        diagram = np.sqrt(np.maximum(squared, 0))
        diagram = diagram[diagram[:, 1] - diagram[:, 0] > min_persistence]
        diagrams.append(diagram[np.lexsort(diagram.T[::-1])])
    return diagrams


@dataclass(frozen=True)
class HomologyCycle:
    """A ring of k atoms that stands for a class of dimension 1.

    Attributes
    ----------
    birth, death : float
        Radii of balls around the atoms, in Å, at which the ring closes and is filled.
    sites : ndarray of shape (k,)
        Sites along the ring. The last is bonded to the first.
    images : ndarray of shape (k, 3)
        Which periodic copies of them, in lattice vectors.
    positions : ndarray of shape (k, 3)
        Where these are, in Å.
    """

    birth: float
    death: float
    sites: NDArray[np.int64]
    images: NDArray[np.int64]
    positions: NDArray[np.float64]

    @property
    def edges(self) -> NDArray[np.int64]:
        """Pairs of sites along the ring, (k, 2)."""
        return np.column_stack([self.sites, np.roll(self.sites, -1)])

    def __len__(self) -> int:
        return len(self.sites)


def homology_cycles(
    structure: Structure,
    atom: int,
    radius: float,
    *,
    min_persistence: float = 1e-6,
) -> list[HomologyCycle]:
    """Rings of atoms that stand for the classes of dimension 1 around an atom.

    A class is born with an edge of the alpha complex, and any ring of this edge and
    older ones stands for it. Of these this is the one of the fewest edges, and of
    those the shortest in Å.

    Parameters
    ----------
    structure : Structure
    atom : int
        The site in the middle.
    radius : float
        Atoms up to so far from it, in Å.
    min_persistence : float, default=1e-6
        Classes that live no longer than this, in Å, are left out.

    Returns
    -------
    list of HomologyCycle
        One a class, by birth.

    Raises
    ------
    ValueError
        If the atom does not exist, or a parameter is out of range.
    ImportError
        If GUDHI is not installed.

    See Also
    --------
    persistence : The diagram of these classes, and of others.
    cycle_participation : In how many rings an edge is.

    Notes
    -----
    Rings alive at one radius are independent, and a basis of the homology there. It is
    not the shortest basis: a ring is the tightest at its birth, among edges that are
    there by then, not over the life of its class, and its inside may have been filled
    in part by rings that died before. Volume-optimal cycles [1]_ are tighter in
    that sense, and cost a linear program each. HomCloud [2]_
    takes the fewest edges for an optimal cycle, and any of equally few.

    Where many edges have one length, as in a perfect crystal, which of them is the
    youngest is decided by rounding, and so are the rings. Births and deaths are not.

    References
    ----------
    .. [1] I. Obayashi, "Volume-optimal cycle", SIAM J. Appl. Algebra Geometry 2, 508
       (2018).
    .. [2] I. Obayashi, T. Nakamura, Y. Hiraoka, "Persistent homology analysis for
       materials research and persistent homology software: HomCloud", J. Phys. Soc.
       Jpn. 91, 091013 (2022).
    """
    _check_min_persistence(min_persistence)
    return cycles_among(
        surroundings(structure, atom, radius), min_persistence=min_persistence
    )


def cycles_among(
    around: Surroundings, *, min_persistence: float
) -> list[HomologyCycle]:
    """As `homology_cycles`, of these atoms."""
    tree = _alpha_complex(around)
    pairs = [pair for pair in tree.persistence_pairs() if len(pair[0]) == 2]
    squared = [[tree.filtration(simplex) for simplex in pair] for pair in pairs]
    radii = np.sqrt(np.maximum(np.reshape(squared, (-1, 2)), 0)).tolist()
    lives = {  # of classes of dimension 1, by the edge that they are born with
        (min(edge), max(edge)): (birth, death)
        for (edge, _), (birth, death) in zip(pairs, radii, strict=True)
        if death - birth > min_persistence
    }
    # In the order of the filtration, which also decides between edges of one birth
    edges = [
        tuple(simplex) for simplex, _ in tree.get_filtration() if len(simplex) == 2
    ]
    ends = np.array(edges, dtype=np.int64).reshape(-1, 2)
    apart = around.positions[ends[:, 0]] - around.positions[ends[:, 1]]
    lengths = np.linalg.norm(apart, axis=1).tolist()
    neighbors: list[dict[int, float]] = [{} for _ in around.sites]
    cycles = []
    for (first, second), length in zip(edges, lengths, strict=True):
        if (first, second) in lives:
            ring = _tightest_path(neighbors, first, second)
            cycles.append(
                HomologyCycle(
                    *lives[first, second],
                    around.sites[ring],
                    around.images[ring],
                    around.positions[ring],
                )
            )
        neighbors[first][second] = neighbors[second][first] = length
    return cycles


def _tightest_path(
    neighbors: list[dict[int, float]], first: int, second: int
) -> list[int]:
    """The path of the fewest edges, and among those the shortest, from end to end.

    Searched level by level from both ends: rings are small, the surroundings are not.
    """
    # Atom: length of its path to the end, and the next atom on it
    found = ({first: (0.0, first)}, {second: (0.0, second)})
    fronts = [found[0], found[1]]
    meeting: list[int] = []
    while not meeting and all(fronts):
        side = int(len(fronts[0]) > len(fronts[1]))
        level: dict[int, tuple[float, int]] = {}
        for atom, (so_far, _) in fronts[side].items():
            for neighbor, length in neighbors[atom].items():
                if neighbor not in found[side]:
                    total = so_far + length
                    if neighbor not in level or total < level[neighbor][0]:
                        level[neighbor] = total, atom
        found[side].update(level)
        fronts[side] = level
        meeting = [atom for atom in level if atom in found[1 - side]]
    middle = min(meeting, key=lambda atom: found[0][atom][0] + found[1][atom][0])
    halves = []
    for half, end in zip(found, (first, second), strict=True):
        path = [middle]
        while path[-1] != end:
            path.append(half[path[-1]][1])
        halves.append(path)
    return halves[0][::-1] + halves[1][1:]


def _alpha_complex(around: Surroundings) -> Any:
    """GUDHI's complex with its persistence computed; its values are squared radii."""
    try:
        import gudhi
    except ImportError as error:
        raise ImportError(
            "Persistent homology needs GUDHI, which is not installed: "
            'pip install "skcrystal[topology]".'
        ) from error
    tree = gudhi.AlphaComplex(points=around.positions).create_simplex_tree()
    # Also in the highest dimension: few atoms, or flat ones, make flat complexes.
    tree.compute_persistence(
        homology_coeff_field=2, min_persistence=-1, persistence_dim_max=True
    )
    return tree


def _check_min_persistence(min_persistence: float) -> None:
    if not min_persistence >= 0:
        raise ValueError(
            f"min_persistence={min_persistence!r} has to be zero or more, in Å."
        )


# Atoms around an atom, periodic copies included.


class Surroundings(NamedTuple):
    """P atoms; a site is there as often as it has copies that are near enough."""

    positions: NDArray[np.float64]  # (P, 3), Cartesian in Å
    sites: NDArray[np.int64]  # (P,)
    images: NDArray[np.int64]  # (P, 3), in lattice vectors, from the site as given


def surroundings(structure: Structure, atom: int, radius: float) -> Surroundings:
    """Atoms within `radius` of a site, unwrapped: no bond crosses a boundary.

    Parameters
    ----------
    structure : Structure
        Of N sites.
    atom : int
        The site in the middle.
    radius : float
        In Å, not limited by the size of the cell.

    Returns
    -------
    Surroundings
        In the order of sites.

    Raises
    ------
    ValueError
        If the site does not exist, or the radius is not positive and finite.
    """
    n_sites = len(structure)
    if not (isinstance(atom, Integral) and 0 <= atom < n_sites):
        raise ValueError(f"atom={atom!r} is not a site: they are 0 to {n_sites - 1}.")
    if not (isinstance(radius, Real) and 0 < radius < np.inf):
        raise ValueError(f"radius={radius!r} has to be positive, in Å.")
    lattice, fractional = structure.lattice, structure.frac_coords
    _, _, sites, images = lattice.get_points_in_sphere(
        fractional, structure[atom].coords, radius, zip_results=False
    )
    images = np.rint(images).astype(np.int64)
    order = np.lexsort((*images.T[::-1], sites))
    sites, images = np.asarray(sites)[order], images[order]
    positions = lattice.get_cartesian_coords(fractional[sites] + images)
    return Surroundings(positions, sites.astype(np.int64), images)
