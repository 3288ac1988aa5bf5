"""joblib, with results handed over as they come where its engine can."""

from joblib import Parallel


def parallel_in_order(n_jobs: int | None) -> Parallel:
    """Workers whose results come one by one, in the order of the tasks.

    Parameters
    ----------
    n_jobs : int or None

    Returns
    -------
    Parallel
        Called with delayed tasks, it gives an iterable of their results.
    """
    try:
        return Parallel(n_jobs=n_jobs, return_as="generator")
    except ValueError:  # Ray's engine hands over all results at once
        return Parallel(n_jobs=n_jobs)
