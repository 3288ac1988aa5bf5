"""The six cubic prototypes: lattice, and fractional sites of the primitive cell."""

PROTOTYPES = {
    "rocksalt": ("fcc", [(0, 0, 0), (0.5, 0.5, 0.5)]),
    "zincblende": ("fcc", [(0, 0, 0), (0.25, 0.25, 0.25)]),
    "cscl": ("sc", [(0, 0, 0), (0.5, 0.5, 0.5)]),
    "fluorite": ("fcc", [(0, 0, 0), (0.25, 0.25, 0.25), (0.75, 0.75, 0.75)]),
    "half-heusler": ("fcc", [(0, 0, 0), (0.25, 0.25, 0.25), (0.5, 0.5, 0.5)]),
    "perovskite": (
        "sc",
        [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)],
    ),
}


def cell(kind, a):
    """Primitive cell vectors, in Å, for lattice constant `a` of the cubic cell."""
    h = a / 2
    if kind == "sc":
        return [[a, 0, 0], [0, a, 0], [0, 0, a]]
    return [[0, h, h], [h, 0, h], [h, h, 0]]
