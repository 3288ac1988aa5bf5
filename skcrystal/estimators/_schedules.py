"""How the learning rate goes over the steps of a training."""

from __future__ import annotations

import math
from functools import partial

from skorch.callbacks import LRScheduler
from torch.optim.lr_scheduler import LambdaLR, OneCycleLR

_WARM_UP = 20  # one in so many steps, in the cosine schedule


def make_scheduler(schedule: str, peak: float, n_steps: int) -> LRScheduler:
    """Make the callback that sets the learning rate of each step.

    Parameters
    ----------
    schedule : {"one_cycle", "cosine"}
    peak : float
        Largest learning rate, that of the optimiser.
    n_steps : int
        Steps of the whole training.
    """
    if schedule == "one_cycle":
        return LRScheduler(
            OneCycleLR, step_every="batch", max_lr=peak, total_steps=n_steps
        )
    return LRScheduler(
        LambdaLR, step_every="batch", lr_lambda=partial(warm_cosine, n_steps=n_steps)
    )


def warm_cosine(step: int, n_steps: int) -> float:
    """Share of the peak at a step: a linear rise, then half a cosine.

    No step is lost to a rate of zero: that is reached just before the first and after
    the last. A single one has the peak.

    Parameters
    ----------
    step : int
        From 0 to `n_steps`, which is one past the last.
    n_steps : int

    Returns
    -------
    float
    """
    n_warm = math.ceil(n_steps / _WARM_UP)
    done = step + 1
    if done <= n_warm:
        return done / n_warm
    return 0.5 * (1 + math.cos(math.pi * (done - n_warm) / (n_steps + 1 - n_warm)))
