"""Crystals of known symmetry."""

from pymatgen.core import Lattice, Structure

# name: (space group, lattice, elements, one site of each orbit)
_CELLS = {
    "cubic": ("Fm-3m", Lattice.cubic(5.69), "Na Cl", [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "hexagonal": (
        "P6_3mc",
        Lattice.hexagonal(3.82, 6.26),
        "Zn S",
        [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.374]],
    ),
    "rhombohedral": (
        "R-3m",
        Lattice.hexagonal(4.38, 30.49),
        "Bi Te Te",
        [[0, 0, 0.4], [0, 0, 0], [0, 0, 0.212]],
    ),
    "trigonal": (
        "P3_121",
        Lattice.hexagonal(4.91, 5.40),
        "Si O",
        [[0.47, 0, 1 / 3], [0.413, 0.267, 0.452]],
    ),
    "tetragonal": (
        "P4_2/mnm",
        Lattice.tetragonal(4.59, 2.96),
        "Ti O",
        [[0, 0, 0], [0.305, 0.305, 0]],
    ),
    "orthorhombic": (
        "Pnma",
        Lattice.orthorhombic(5.44, 7.64, 5.38),
        "Ca Ti O O",
        [[0.036, 0.25, 0.993], [0, 0, 0.5], [0.484, 0.25, 0.071], [0.289, 0.037, 0.71]],
    ),
    "monoclinic": (
        "P2_1/c",
        Lattice.monoclinic(5.15, 5.21, 5.32, 99.2),
        "Zr O O",
        [[0.275, 0.04, 0.208], [0.07, 0.332, 0.345], [0.449, 0.757, 0.479]],
    ),
    "triclinic": (
        "P-1",
        Lattice.from_parameters(4.1, 4.7, 6.3, 85, 98, 107),
        "Na Cl O",
        [[0.1, 0.2, 0.3], [0.55, 0.6, 0.9], [0.4, 0.75, 0.12]],
    ),
}
LATTICE_SYSTEMS = sorted(_CELLS)


def crystal_of(system):
    """Conventional cell of an ideal crystal of a lattice system."""
    group, lattice, elements, sites = _CELLS[system]
    return Structure.from_spacegroup(group, lattice, elements.split(), sites)
