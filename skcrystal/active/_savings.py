"""What strategies save, from the campaigns of a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.utils import check_random_state


def average_seeds(results: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over seeds, of every cycle of every strategy.

    Parameters
    ----------
    results : DataFrame
        From `compare_strategies`.

    Returns
    -------
    DataFrame
        One row an architecture, strategy and cycle: ``n_seeds``, and of every other
        column its mean, and its standard deviation (with n - 1 in the denominator) as
        ``<column>_std``.
    """
    keys = ["architecture", "strategy", "cycle"]
    groups = results.groupby(keys, sort=False)
    values = [c for c in results if c not in [*keys, "seed"]]
    mean, std = groups[values].mean(), groups[values].std()
    averaged = pd.DataFrame({"n_seeds": groups["seed"].nunique()})
    for column in values:
        averaged[column] = mean[column]
        averaged[f"{column}_std"] = std[column]
    return averaged.reset_index()


def labels_saved(
    results: pd.DataFrame,
    target: str,
    *,
    baseline: str = "random",
    metric: str = "mae",
    n_bootstrap: int = 1000,
    random_state: Any = 0,
) -> pd.DataFrame:
    """How many labels each strategy saves at the error the baseline ends with.

    Learning curves, the mean over seeds, are made monotonic by isotonic regression: a
    lucky cycle saves no labels. Between cycles they are straight lines. The saving is
    one minus the ratio of the labels that the strategy needs to those of the baseline.
    A strategy that needs more has a negative one, with the roles exchanged; so has one
    that does not get there: what the baseline saves, which reaches the strategy's last
    error with fewer labels than the strategy was given.

    Parameters
    ----------
    results : DataFrame
        From `compare_strategies`.
    target : str
        Name of the target.
    baseline : str, default="random"
        Name of the strategy to compare with.
    metric : str, default="mae"
        An error, lower is better: "mae", "rmse", or what comes before ``_<target>`` in
        the name of a column of your own.
    n_bootstrap : int, default=1000
        Draws of seeds with replacement, the same for both curves.
    random_state : int, RandomState or None, default=0
        Decides what is drawn.

    Returns
    -------
    DataFrame
        One row an architecture and strategy: ``error`` (what the baseline ends with, in
        the target's unit), ``n_baseline``, ``n_strategy`` (labels needed for it; NaN if
        never reached), ``saved`` (fraction), ``low`` and ``high`` (16th and 84th
        percentile of the bootstrap), ``n_seeds``. With one seed, the last two are NaN.

    Raises
    ------
    ValueError
        If the baseline or the column is not there, or `metric` is no error.
    """
    if metric == "r2":
        raise ValueError('metric is "r2", which is no error; take "mae" or "rmse".')
    column = f"{metric}_{target}"
    if column not in results:
        found = [c for c in results if c.startswith(f"{metric}_")]
        raise ValueError(f"results has no column {column!r}; it has {found}.")
    if baseline not in set(results["strategy"]):
        raise ValueError(
            f"results has no strategy {baseline!r}; it has "
            f"{sorted(set(results['strategy']))}."
        )
    random = check_random_state(random_state)
    rows = []
    for architecture, of_one in results.groupby("architecture", sort=False):
        curves = {
            strategy: _curves_of(frame, column)
            for strategy, frame in of_one.groupby("strategy", sort=False)
        }
        if baseline not in curves:
            raise ValueError(
                f"results has no {baseline!r} for {architecture}; run it, or leave "
                "that architecture out."
            )
        base = curves[baseline]
        for strategy, curve in curves.items():
            if strategy == baseline or len(curve) < 2:
                continue
            pair = _common(base, curve, architecture, strategy)
            seeds = pair[0].columns
            n_base, n_needed, saved = _saving(*(part.mean(axis=1) for part in pair))
            low = high = np.nan
            if len(seeds) > 1:
                draws = [random.choice(seeds, len(seeds)) for _ in range(n_bootstrap)]
                savings = [
                    _saving(*(part[drawn].mean(axis=1) for part in pair))[-1]
                    for drawn in draws
                ]
                low, high = np.percentile(savings, [16, 84])
            rows.append(
                {
                    "architecture": architecture,
                    "strategy": strategy,
                    "error": _monotonic(pair[0].mean(axis=1))[-1],
                    "n_baseline": n_base,
                    "n_strategy": n_needed,
                    "saved": saved,
                    "low": low,
                    "high": high,
                    "n_seeds": len(seeds),
                }
            )
    return pd.DataFrame(rows)


def _curves_of(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Curves of all seeds, one a column, over the mean number of labels of a cycle."""
    table = frame.pivot(index="cycle", columns="seed", values=[column, "n_labelled"])
    # Most seeds have equally many cycles. Longer ones are cut to that; of those that
    # were stopped early there is no whole curve.
    lengths = table[column].notna().sum()
    whole = lengths.mode().max()
    seeds = lengths.index[lengths >= whole]
    curves = table[column][seeds].iloc[:whole]
    return curves.set_index(table["n_labelled"][seeds].iloc[:whole].mean(axis=1))


def _common(
    base: pd.DataFrame, curve: pd.DataFrame, architecture: str, strategy: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Both curves over the seeds that both have."""
    seeds = base.columns.intersection(curve.columns)
    if not len(seeds) or not len(base):
        raise ValueError(
            f"{architecture}, {strategy!r}: no seed and cycle in common with the "
            "baseline; run both with equal seeds."
        )
    return base[seeds], curve[seeds]


def _monotonic(curve: pd.Series) -> NDArray[np.float64]:
    n = curve.index.to_numpy(dtype=np.float64)
    return IsotonicRegression(increasing=False).fit_transform(n, curve.to_numpy())


def _saving(base: pd.Series, curve: pd.Series) -> tuple[float, float, float]:
    """Labels that both need for the last error of `base`, and the part saved."""
    # Fewest for both: on a plateau at its end, `base` is there before its last label
    error = _monotonic(base)[-1]
    n_base, n_curve = _labels_for(error, base), _labels_for(error, curve)
    if np.isfinite(n_curve):
        return n_base, n_curve, _fraction(n_base, n_curve)
    # It was given all its labels, and is worse than the baseline was with these.
    n_back = _labels_for(_monotonic(curve)[-1], base)
    return n_base, np.nan, _fraction(n_back, float(curve.index[-1]))


def _fraction(n_base: float, n_curve: float) -> float:
    """Labels saved, of those of whichever needs more; negative if `curve` does."""
    return (n_base - n_curve) / max(n_base, n_curve)


def _labels_for(error: float, curve: pd.Series) -> float:
    """Fewest labels with which a curve reaches an error; infinite if it does not."""
    n, values = curve.index.to_numpy(dtype=np.float64), _monotonic(curve)
    there = np.flatnonzero(values <= error)
    if not len(there):
        return np.inf
    first = there[0]
    if first == 0:
        return float(n[0])
    share = (values[first - 1] - error) / (values[first - 1] - values[first])
    return float(n[first - 1] + share * (n[first] - n[first - 1]))
