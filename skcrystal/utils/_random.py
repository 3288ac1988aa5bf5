"""Random numbers of estimators within estimators."""

import numpy as np
from sklearn.base import BaseEstimator

MAX_SEED = 2**31 - 1


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
