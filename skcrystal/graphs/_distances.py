"""Classes of equal distances."""

import numpy as np
from numpy.typing import NDArray

from ._ragged import to_pointer

# Rounding errors of a cell's coordinates are below 1e-6 Å, and no network resolves
# energies of less than a µeV.
RESOLUTION = 1e-5  # Å


def distance_classes(
    distance: NDArray[np.floating], n_edges: NDArray[np.integer], tolerance: float
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.int64]]:
    """Give lengths of a crystal that agree within a tolerance one number.

    A class is a run of sorted lengths whose gaps are within the tolerance. A run that
    is wider than that, as in a glass, where lengths lie dense, is cut into pieces no
    wider. So no length moves by more than half the tolerance, and equal lengths that
    rounding has split share a class unless such a cut falls between them.

    Parameters
    ----------
    distance : ndarray of shape (E,)
        Edge lengths in Å, crystal by crystal.
    n_edges : ndarray of shape (n,)
        Edges of each crystal.
    tolerance : float
        In Å.

    Returns
    -------
    classes : ndarray of shape (E,), int32
        Numbered within each crystal, by length.
    distances : ndarray of shape (D,), float32
        Length of each class in Å, the middle of its range.
    n_distances : ndarray of shape (n,)
        Classes of each crystal.
    """
    n = len(distance)
    if n == 0:
        empty = np.empty(0, np.float32)
        return np.empty(0, np.int32), empty, np.zeros(len(n_edges), np.int64)
    # Positive floats sort as the integers that their bits are. An edge's place rides in
    # the lowest bits, which spares the indirect sort, half the time of np.unique; that
    # moves lengths by 1e-9 Å where a crystal has a million edges.
    bits = int(n_edges.max() - 1).bit_length()
    edge_ptr = to_pointer(n_edges)
    first_edge = np.repeat(edge_ptr[:-1], n_edges)
    length = distance.astype(np.float64)
    tagged = length.view(np.int64)
    tagged &= -1 << bits
    tagged |= np.arange(n) - first_edge
    for start, stop in zip(edge_ptr.tolist(), edge_ptr[1:].tolist(), strict=False):
        tagged[start:stop].sort()
    place = tagged & ((1 << bits) - 1)
    place += first_edge

    new = np.empty(n, dtype=bool)
    np.greater(length[1:] - length[:-1], tolerance, out=new[1:])
    new[edge_ptr[:-1][n_edges > 0]] = True
    first = np.flatnonzero(new)
    last = np.append(first[1:], n) - 1
    width = length[last] - length[first]
    if (width > tolerance).any():
        offset = length - np.repeat(length[first], last - first + 1)
        piece = (offset / tolerance).astype(np.int64)
        new[1:] |= piece[1:] != piece[:-1]
        first = np.flatnonzero(new)
        last = np.append(first[1:], n) - 1
    classes = np.empty(n, dtype=np.int32)
    class_ptr = np.searchsorted(first, edge_ptr)
    n_distances = np.diff(class_ptr)
    number = np.cumsum(new, dtype=np.int32)
    number -= np.repeat(class_ptr[:-1].astype(np.int32) + 1, n_edges)
    classes[place] = number
    middle = (length[first] + length[last]) / 2
    return classes, middle.astype(np.float32), n_distances
