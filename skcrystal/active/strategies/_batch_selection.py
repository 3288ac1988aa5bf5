"""Batches picked one by one, each pick knowing the ones before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin_min


def gaps(points: NDArray, known: NDArray | None) -> NDArray[np.float64]:
    """Distance of each of P points (P, D) to the nearest known one (L, D).

    Infinite if none is known.
    """
    if known is None or len(known) == 0:
        return np.full(len(points), np.inf)
    return pairwise_distances_argmin_min(points, known)[1].astype(np.float64)


def pick_greedily(
    points: NDArray,
    gap: NDArray[np.float64],
    n_instances: int,
    *,
    worth: NDArray[np.float64] | None = None,
    power: float = 1.0,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pick points far from all known ones and from each other.

    Parameters
    ----------
    points : ndarray of shape (P, D)
    gap : ndarray of shape (P,)
        Distance to the nearest known point; infinite if none is known.
    n_instances : int
    worth : ndarray of shape (P,), optional
        Factor, not negative, of the distance; one by default.
    power : float, default=1.0
        Power of the distance.

    Returns
    -------
    picked : ndarray of shape (n_instances,)
    scores : ndarray of shape (n_instances,)
        Worth times power of distance at the time of the pick; not increasing.
    """
    points = np.asarray(points, dtype=np.float64)
    worth = np.ones(len(points)) if worth is None else worth
    with np.errstate(divide="ignore"):
        log_worth = np.log(worth)
    free = np.ones(len(points), dtype=bool)
    picked = np.empty(n_instances, dtype=np.int64)
    scores = np.empty(n_instances)
    for k in range(n_instances):
        if np.isinf(gap).all():
            # No labelled crystal yet: the highest score, of these the most central
            center = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
            best = int(np.lexsort((center, -worth))[0])
            scores[k] = worth[best]
        else:
            # By logarithm, which neither overflows nor vanishes
            with np.errstate(divide="ignore"):
                merit = log_worth + power * np.log(gap)
            rows = np.flatnonzero(free)
            best = int(rows[np.lexsort((-worth[rows], -merit[rows]))[0]])
            scores[k] = np.exp(merit[best])
        picked[k], free[best] = best, False
        new = np.sqrt(((points - points[best]) ** 2).sum(axis=1))
        gap = np.minimum(gap, new)
    return picked, scores


def pick_from_largest_cluster(
    points: NDArray, known: NDArray | None, n_instances: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pick, again and again, the farthest point of the heaviest cluster.

    Every point belongs to the nearest known or picked one. A cluster weighs the sum of
    the squared distances of its points.

    Parameters
    ----------
    points : ndarray of shape (P, D)
    known : ndarray of shape (L, D), or None
    n_instances : int

    Returns
    -------
    picked : ndarray of shape (n_instances,)
    scores : ndarray of shape (n_instances,)
        Distance to the center of the cluster at the time of the pick.
    """
    points = np.asarray(points, dtype=np.float64)
    picked: list[int] = []
    scores: list[float] = []
    free = np.ones(len(points), dtype=bool)
    if known is None or len(known) == 0:
        # One cluster, whose first center is the most central point
        distance = ((points - points.mean(axis=0)) ** 2).sum(axis=1)
        picked, scores, n_known = [int(distance.argmin())], [0.0], 0
        free[picked[0]] = False
        cluster = np.zeros(len(points), dtype=np.int64)
        gap = np.sqrt(((points - points[picked[0]]) ** 2).sum(axis=1))
    else:
        cluster, gap = pairwise_distances_argmin_min(points, known)
        n_known = len(known)
    while len(picked) < n_instances:
        weight = np.bincount(cluster, gap**2, minlength=n_known + len(picked))
        # A cluster whose points were all picked has weight zero, but ties at zero
        weight[np.bincount(cluster[free], minlength=len(weight)) == 0] = -1.0
        inside = free & (cluster == weight.argmax())
        best = int(np.where(inside, gap, -1.0).argmax())
        scores.append(float(gap[best]))
        new = np.sqrt(((points - points[best]) ** 2).sum(axis=1))
        closer = new < gap
        closer[best] = True
        cluster[closer], gap = n_known + len(picked), np.minimum(gap, new)
        picked.append(best)
        free[best] = False
    return np.array(picked, dtype=np.int64), np.array(scores)
