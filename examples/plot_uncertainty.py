"""
Calibrated standard deviations
==============================

Train an ensemble, measure its standard deviations on other formulas, calibrate them,
and make conformal intervals with guaranteed coverage.
"""

# %%
# Training, calibration and test set, without common formulas.
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from mapie.conformity_scores import ResidualNormalisedScore
from mapie.regression import SplitConformalRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupShuffleSplit

from skcrystal import (
    CalibratedRegressor,
    CGCNNRegressor,
    CrystalGraphTransformer,
    EnsembleRegressor,
    uncertainty_metrics,
)
from skcrystal.datasets import load_pbe_prototypes
from skcrystal.uncertainty import (
    TargetView,
    plot_calibration,
    plot_error_against_std,
    plot_sparsification,
)

crystals = load_pbe_prototypes()
names, units = crystals.target_names, ["eV/atom", "eV"]
graphs, y = CrystalGraphTransformer().transform(crystals.data), crystals.target


def split(rows, share):
    splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=0)
    return (rows[i] for i in next(splitter.split(rows, groups=crystals.groups[rows])))


train, rest = split(np.arange(len(y)), 0.5)
held, test = split(rest, 0.5)
print(
    f"{len(train)} crystals to train on, {len(held)} to calibrate, {len(test)} to test"
)

# %%
# Five networks with different random numbers. Their standard deviation is correlated
# with errors (``spearman``), but is too small (``coverage_68``).
ensemble = EnsembleRegressor(CGCNNRegressor(max_epochs=50), n_jobs=2, random_state=0)
ensemble.fit(graphs[train], y[train])
columns = ["mae", "coverage_68", "coverage_95", "nll", "spearman"]


def report(title, model):
    mean, std = model.predict(graphs[test], return_std=True)
    metrics = uncertainty_metrics(y[test], mean, std, target_names=names)
    print(f"\n{title}\n{metrics[columns].round(2)}")
    return mean, std


report("ensemble", ensemble)

# %%
# Calibration scales it by one factor per target, from the calibration set.
calibrated = CalibratedRegressor(FrozenEstimator(ensemble)).fit(graphs[held], y[held])
mean, std = report(f"calibrated by {calibrated.scale_.round(2)}", calibrated)

given = y[test], mean, std
figure, axes = plt.subplots(2, 3, figsize=(13, 8), layout="constrained")
plot_calibration(*given, ax=axes[:, 0], target_names=names)
plot_error_against_std(*given, ax=axes[:, 1], target_names=names, units=units)
plot_sparsification(*given, ax=axes[:, 2], target_names=names, units=units)
(output := Path("demo-output")).mkdir(exist_ok=True)
figure.savefig(output / "uncertainty.png", dpi=130)

# %%
# Conformal intervals contain the given share of labels, and are wide where the ensemble
# disagrees.
for t, (name, unit) in enumerate(zip(names, units, strict=True)):
    intervals = SplitConformalRegressor(
        TargetView(ensemble, t),
        confidence_level=0.9,
        conformity_score=ResidualNormalisedScore(
            TargetView(ensemble, t, "std"), prefit=True
        ),
        prefit=True,
    ).conformalize(graphs[held], y[held, t])
    bounds = intervals.predict_interval(graphs[test])[1][:, :, 0]
    inside = (bounds[:, 0] <= y[test, t]) & (y[test, t] <= bounds[:, 1])
    width = np.median(np.diff(bounds))
    print(f"\n{name}: 90 % asked, {inside.mean():.0%} found, {width:.2f} {unit} wide")
print(f"\npicture: {output / 'uncertainty.png'}")
