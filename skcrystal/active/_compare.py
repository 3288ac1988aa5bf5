"""Strategies side by side: the same crystals, the same starts, several seeds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from joblib import delayed
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression
from sklearn.base import BaseEstimator, clone
from sklearn.utils import check_random_state
from tqdm import tqdm

from ..estimators._pipelines import (
    fit_preprocessing,
    hoist_preprocessing,
    input_network,
    preprocess,
    separate,
)
from ..utils._parallel import parallel_in_order
from ._oracles import SimulatedOracle
from .campaign._campaign import ActiveLearningCampaign, Scorer
from .campaign._fingerprint import describe
from .strategies._exploration import random_sampling

Strategy = Callable[..., Any]
Arm = Strategy | None | tuple[Strategy | None, Callable[[BaseEstimator], BaseEstimator]]


def compare_strategies(
    estimators: Mapping[str, BaseEstimator],
    strategies: Mapping[str, Arm],
    X_pool: Any,
    y_pool: Any,
    X_test: Any,
    y_test: Any,
    *,
    n_initial: int = 200,
    batch_size: int = 100,
    n_cycles: int = 10,
    seeds: int | Sequence[int] = 3,
    scoring: Mapping[str, Scorer] | None = None,
    directory: str | Path | None = None,
    n_jobs: int | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Run a campaign for each architecture, strategy and seed, with known labels.

    Of one seed, all strategies begin with the same crystals. Graphs are built once for
    estimators with the same first steps, and shared.

    Parameters
    ----------
    estimators : mapping of str to estimator
        Architectures by name.
    strategies : mapping of str to callable, None or tuple
        By name: a strategy; None to label as many crystals as a campaign does in the
        end, at random and at once; or a pair of one of these and a function that makes
        of each architecture the estimator to use, such as ``EnsembleRegressor``.
    X_pool : sequence of n crystals or graphs
    y_pool : array-like of shape (n,) or (n, n_targets)
        Labels; NaN where one was not measured.
    X_test : sequence of m crystals or graphs
    y_test : array-like of shape (m,) or (m, n_targets)
        Labels; NaN where one was not measured.
    n_initial : int, default=200
        Crystals to label before the first training, drawn at random.
    batch_size : int, default=100
        Crystals to ask for at each cycle.
    n_cycles : int, default=10
        Queries after the first training.
    seeds : int or sequence of int, default=3
        How many, from 0 on, or which.
    scoring : mapping of str to callable, optional
        Further columns, as in `ActiveLearningCampaign`.
    directory : str, Path or None, default=None
        Where to keep the campaigns, one folder each: a comparison that was stopped goes
        on when it is called again.
    n_jobs : int or None, default=None
        Campaigns at the same time, by joblib. The result does not depend on it, if
        ``torch.set_num_threads(1)`` comes before: workers have fewer torch threads
        than you, and rounding may decide between two crystals.
    progress : bool, default=False
        Whether to show a bar.

    Returns
    -------
    DataFrame
        One row a cycle of each campaign: ``architecture``, ``strategy``, ``seed``, and
        the columns of ``ActiveLearningCampaign.history_``.

    Raises
    ------
    ValueError
        If names would share a folder, or a campaign refuses its parameters.
    """
    seeds = range(seeds) if isinstance(seeds, int | np.integer) else seeds
    jobs = []
    folders: dict[Path, tuple] = {}
    prepared: dict[tuple, tuple] = {}
    for architecture, estimator in estimators.items():
        final, pool, test = _prepare(estimator, X_pool, X_test, prepared)
        for strategy, arm in strategies.items():
            query, wrap = arm if isinstance(arm, tuple) else (arm, clone)
            first, cycles = n_initial, n_cycles
            if query is None:  # all labels at once
                first, cycles = min(n_initial + batch_size * n_cycles, len(X_pool)), 0
            for seed in seeds:
                folder = None
                if directory is not None:
                    folder = Path(directory) / _file_name(architecture, strategy, seed)
                    if folder in folders:
                        raise ValueError(
                            f"{architecture!r} with {strategy!r} and "
                            f"{folders[folder]} would share the folder {folder}; "
                            "rename one."
                        )
                    folders[folder] = (architecture, strategy)
                campaign = ActiveLearningCampaign(
                    wrap(final),
                    query or random_sampling,
                    SimulatedOracle(y_pool),
                    n_initial=first,
                    batch_size=batch_size,
                    n_cycles=cycles,
                    scoring=scoring,
                    directory=folder,
                    random_state=int(seed),
                )
                keys = {
                    "architecture": architecture,
                    "strategy": strategy,
                    "seed": int(seed),
                }
                jobs.append((keys, campaign, pool, test))
    frames = parallel_in_order(n_jobs)(delayed(_run)(*job, y_test) for job in jobs)
    bar = tqdm(frames, total=len(jobs), desc="campaigns", disable=not progress)
    return pd.concat(list(bar), ignore_index=True)


def _run(
    keys: dict[str, Any], campaign: ActiveLearningCampaign, pool: Any, test: Any, y: Any
) -> pd.DataFrame:
    history = campaign.run(pool, test, y).history_
    for position, (name, value) in enumerate(keys.items()):
        history.insert(position, name, value)
    return history


def _file_name(*parts: Any) -> str:
    return "-".join(re.sub(r"[^\w.+]+", "_", str(part)) for part in parts)


def _prepare(
    estimator: BaseEstimator, X_pool: Any, X_test: Any, prepared: dict[tuple, tuple]
) -> tuple[BaseEstimator, Any, Any]:
    """Last step of an estimator, pool and test set as it reads them."""
    steps, final = separate(hoist_preprocessing(estimator))
    network = input_network(final)
    reads = [
        getattr(network, name, None) for name in ("_needs_vectors", "_reads_merged")
    ]
    key = (None if steps is None else describe(steps), *reads)
    if key not in prepared:
        fitted, _, pool = fit_preprocessing(estimator, X_pool, None)
        prepared[key] = pool, preprocess(fitted, final, X_test)
    return final, *prepared[key]


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
    that does not get there: labels that the baseline saves, which reaches the
    strategy's last error with fewer labels than the strategy was given.

    Parameters
    ----------
    results : DataFrame
        From `compare_strategies`.
    target : str
        Name of the target.
    baseline : str, default="random"
        Name of the strategy to compare with.
    metric : str, default="mae"
        An error, lower is better: "mae", "rmse", or the part before ``_<target>`` in
        the name of a column of your own.
    n_bootstrap : int, default=1000
        Draws of seeds with replacement, the same for both curves.
    random_state : int, RandomState or None, default=0
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row an architecture and strategy: ``error`` (the baseline's last, in
        the target's unit), ``n_baseline``, ``n_strategy`` (labels needed for it; NaN if
        never reached), ``saved`` (fraction), ``low`` and ``high`` (16th and 84th
        percentile of the bootstrap), ``n_seeds``. With one seed, the last two are NaN.

    Raises
    ------
    ValueError
        If the baseline or the column is not there, or `metric` is not an error.
    """
    if metric == "r2":
        raise ValueError('metric is "r2", which is not an error; take "mae" or "rmse".')
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
            n, errors = zip(
                *((p.index.to_numpy(), p.to_numpy()) for p in pair), strict=True
            )
            n_seeds = errors[0].shape[1]
            n_base, n_needed, saved = _saving(n, [e.mean(axis=1) for e in errors])
            low = high = np.nan
            if n_seeds > 1:
                savings = []
                for _ in range(n_bootstrap):
                    drawn = random.randint(n_seeds, size=n_seeds)
                    means = [e[:, drawn].mean(axis=1) for e in errors]
                    savings.append(_saving(n, means)[-1])
                low, high = np.percentile(savings, [16, 84])
            rows.append(
                {
                    "architecture": architecture,
                    "strategy": strategy,
                    "error": _monotonic(errors[0].mean(axis=1))[-1],
                    "n_baseline": n_base,
                    "n_strategy": n_needed,
                    "saved": saved,
                    "low": low,
                    "high": high,
                    "n_seeds": n_seeds,
                }
            )
    return pd.DataFrame(rows)


def _curves_of(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    """Curves of all seeds, one a column, over the mean number of labels of a cycle."""
    table = frame.pivot(index="cycle", columns="seed", values=[column, "n_labelled"])
    # Most seeds have equally many cycles. Longer ones are cut to that; of those that
    # were stopped early the curve is incomplete.
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


def _monotonic(errors: NDArray[np.float64]) -> NDArray[np.float64]:
    return isotonic_regression(errors, increasing=False).x


def _saving(
    n: Sequence[NDArray[np.float64]], errors: Sequence[NDArray[np.float64]]
) -> tuple[float, float, float]:
    """Labels that baseline and strategy need for the baseline's last error; the saving.

    Both are given as numbers of labels, and errors there.
    """
    base, curve = (_monotonic(e) for e in errors)
    # Fewest for both: on a plateau at its end, the baseline is there before its last
    n_base, n_curve = (
        _labels_for(base[-1], *c) for c in zip(n, (base, curve), strict=True)
    )
    if np.isfinite(n_curve):
        return n_base, n_curve, _fraction(n_base, n_curve)
    # It was given all its labels, and is worse than the baseline was with these.
    n_back = _labels_for(curve[-1], n[0], base)
    return n_base, np.nan, _fraction(n_back, float(n[1][-1]))


def _fraction(n_base: float, n_curve: float) -> float:
    """Labels saved, of those of whichever needs more; negative if `curve` does."""
    return (n_base - n_curve) / max(n_base, n_curve)


def _labels_for(
    error: float, n: NDArray[np.float64], errors: NDArray[np.float64]
) -> float:
    """Fewest labels with which a falling curve reaches an error; infinite if never."""
    there = np.flatnonzero(errors <= error)
    if not len(there):
        return np.inf
    first = there[0]
    if first == 0:
        return float(n[0])
    share = (errors[first - 1] - error) / (errors[first - 1] - errors[first])
    return float(n[first - 1] + share * (n[first] - n[first - 1]))
