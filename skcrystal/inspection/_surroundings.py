"""Atoms around an atom, periodic copies included."""

from __future__ import annotations

from numbers import Integral, Real
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure


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
        In Å. There is no limit by the size of the cell.

    Returns
    -------
    Surroundings
        In the order of sites.

    Raises
    ------
    ValueError
        If there is no such site, or the radius is not positive and finite.
    """
    n_sites = len(structure)
    if not (isinstance(atom, Integral) and 0 <= atom < n_sites):
        raise ValueError(f"atom={atom!r} is no site: there are 0 to {n_sites - 1}.")
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
