"""Seeds of estimators within estimators, and random draws of whole groups."""

import threading

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

MAX_SEED = 2**31 - 1
# Threads share torch's global generator, so only one at a time may seed and use it.
# Reentrant: callbacks may use other models while one is trained.
GENERATORS_LOCK = threading.RLock()


def seed_estimator(
    estimator: BaseEstimator, random: np.random.RandomState, *, only_unset: bool = False
) -> BaseEstimator:
    """Set every `random_state` of an estimator, those of its parts too, to an int.

    Parameters
    ----------
    estimator : estimator
        Changed in place.
    random : RandomState
        Source of the seeds.
    only_unset : bool, default=False
        Whether to leave those that are not None.

    Returns
    -------
    estimator
    """
    # A seed is drawn for each, so that setting one does not shift the others.
    seeds = {
        name: int(random.randint(MAX_SEED))
        for name in sorted(estimator.get_params(deep=True))
        if name == "random_state" or name.endswith("__random_state")
    }
    if only_unset:
        params = estimator.get_params(deep=True)
        seeds = {name: seed for name, seed in seeds.items() if params[name] is None}
    estimator.set_params(**seeds)
    return estimator  # which a frozen one does not return itself


def draw_groups(
    sizes: NDArray[np.integer], most: float, random: np.random.RandomState
) -> NDArray[np.int64]:
    """Draw groups at random, as long as they hold no more than so many together.

    Parameters
    ----------
    sizes : ndarray of shape (g,)
        Members of each group; two groups or more.
    most : float
        Members of all that are drawn. Groups that no longer fit are passed over.
    random : RandomState

    Returns
    -------
    ndarray of int
        Numbers of the groups: one at least, the smallest if none fits, and never all.
    """
    drawn: list[int] = []
    n_drawn = 0
    for group in random.permutation(len(sizes)):
        if n_drawn + sizes[group] <= most and len(drawn) < len(sizes) - 1:
            drawn.append(int(group))
            n_drawn += sizes[group]
    return np.array(drawn or [int(sizes.argmin())], dtype=np.int64)
