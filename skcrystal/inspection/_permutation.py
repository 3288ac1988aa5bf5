"""Do two samples differ by more than their split explains?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.random import RandomState
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.utils import check_random_state


class PermutationTest(NamedTuple):
    """Result of `permutation_test`."""

    difference: float
    p_value: float


def permutation_test(
    important: ArrayLike,
    others: ArrayLike,
    *,
    paired: bool = False,
    alternative: str = "greater",
    n_resamples: int = 9999,
    random_state: int | RandomState | None = None,
) -> PermutationTest:
    """Test whether the mean over important edges is that over others.

    If importance did not depend on the counts, any other split of all edges into
    so many and so many would be as likely. The p-value is the share of splits with a
    difference of means at least as large, the observed one among them:

    .. math:: p = \\frac{1 + \\#\\{\\Delta_b \\ge \\Delta\\}}{1 + B}

    over B random splits [1]_; or over all, once each, if there are no more than B.

    Parameters
    ----------
    important, others : array-like of shape (n,) and (m,)
        Counts of two edges each or more; of several centres joined, if those are to be
        tested together.
    paired : bool, default=False
        Whether the i-th of one belongs to the i-th of the other. Only these two are
        then exchanged.
    alternative : {"greater", "less", "two-sided"}, default="greater"
        Whether important edges are suspected of more, less, or either.
    n_resamples : int, default=9999
        Random splits. The smallest p-value is one over so many and one.
    random_state : int, RandomState or None, default=None
        Source of the splits.

    Returns
    -------
    PermutationTest
        difference : float
            Mean of `important` less that of `others`.
        p_value : float
            Share of splits with a difference at least as large.

    Raises
    ------
    ValueError
        If there are too few values, values that are not finite, or pairs that do not
        match.

    References
    ----------
    .. [1] B. Phipson, G. K. Smyth, "Permutation p-values should never be zero", Stat.
       Appl. Genet. Mol. Biol. 9, 39 (2010).

    Examples
    --------
    >>> from skcrystal.inspection import permutation_test
    >>> permutation_test([4, 5, 3, 4], [1, 0, 2, 1]).p_value  # 1 of 70 splits
    0.01428...
    """
    samples = [
        _check("important", important),
        _check("others", others),
    ]
    if paired and len(samples[0]) != len(samples[1]):
        raise ValueError(
            f"paired=True, but important has {len(samples[0])} values and others "
            f"{len(samples[1])}."
        )
    found = stats.permutation_test(
        samples,
        _difference_of_means,
        permutation_type="samples" if paired else "independent",
        vectorized=True,
        n_resamples=n_resamples,
        batch=max(1, 1_000_000 // sum(map(len, samples))),  # memory
        alternative=alternative,
        random_state=check_random_state(random_state),
    )
    return PermutationTest(float(found.statistic), float(found.pvalue))


def _difference_of_means(a: NDArray, b: NDArray, axis: int) -> NDArray:
    return a.mean(axis=axis) - b.mean(axis=axis)


def _check(name: str, values: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(
            f"{name} has shape {values.shape}; a mean to test needs a list of two "
            "values or more."
        )
    if not np.isfinite(values).all():
        i = int(np.flatnonzero(~np.isfinite(values))[0])
        raise ValueError(f"{name}[{i}] is {values[i]}; leave such values out.")
    return values
