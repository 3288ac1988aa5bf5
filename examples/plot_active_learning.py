"""
Active learning
===============

Select the crystals whose labels improve the model most, and measure how many labels
that saves compared with random sampling.
"""

# %%
# A pool of crystals, whose labels are hidden at first, and a test set of other
# formulas.
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from skcrystal import ActiveLearningCampaign, CGCNNRegressor, CrystalGraphTransformer
from skcrystal.active import (
    SimulatedOracle,
    compare_strategies,
    diverse_max_std,
    labels_saved,
    largest_cluster,
    max_std,
    plot_disagreement,
    plot_learning_curves,
    plot_parity,
    plot_queried,
    random_sampling,
)
from skcrystal.datasets import load_pbe_prototypes

crystals = load_pbe_prototypes(as_frame=True)
split = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=0)
pool, test = next(split.split(crystals.data, groups=crystals.groups))
X_pool, X_test = crystals.data.iloc[pool], crystals.data.iloc[test]
y_pool, y_test = crystals.target.iloc[pool], crystals.target.iloc[test]
energy, gap = crystals.target_names
print(f"a pool of {len(pool)} crystals, {len(test)} of other formulas to test on")

# %%
# A campaign trains, selects the next batch, labels it, and trains again. Here the
# oracle looks labels up; yours runs a calculation. With a directory, a campaign
# resumes after any interruption.
model = make_pipeline(
    CrystalGraphTransformer(), CGCNNRegressor(dropout=0.1, max_epochs=40)
)
sizes = {"n_initial": 60, "batch_size": 40, "n_cycles": 5}
start = perf_counter()
campaign = ActiveLearningCampaign(
    model, diverse_max_std, SimulatedOracle(y_pool), **sizes, random_state=0
).run(X_pool, X_test, y_test, ids=X_pool.index)
columns = ["cycle", "n_labelled", f"mae_{energy}", f"mae_{gap}", "seconds"]
print(campaign.history_[columns].round(3).to_string(index=False))

# %%
# A comparison needs several seeds; all strategies have the same initial labels.
results = compare_strategies(
    {"CGCNN": model},
    {
        "random": random_sampling,
        "MC dropout": max_std,
        "diverse MC dropout": diverse_max_std,
        "largest cluster": largest_cluster,
    },
    X_pool, y_pool, X_test, y_test,
    **sizes, seeds=3, n_jobs=2,
)  # fmt: skip
for target in (energy, gap):
    saved = labels_saved(results, target)[["strategy", "saved", "low", "high"]]
    print(f"\nlabels saved at random's last error, {target}:")
    print(saved.round(2).to_string(index=False))
print(f"\n{perf_counter() - start:.0f} s")

# %%
# Learning curves with a band of one standard deviation over seeds, and the mean
# predicted standard deviation.
figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
for column, (target, unit) in enumerate([(energy, "eV/atom"), (gap, "eV")]):
    plot_learning_curves(results, target, unit=unit, ax=axes[0, column])
    plot_disagreement(results, target, unit=unit, ax=axes[1, column])
output = Path("demo-output")
output.mkdir(exist_ok=True)
figure.savefig(output / "learning-curves.png", dpi=130)

# %%
# Labels of queried crystals and of the pool; parity of the last model.
figure, axes = plt.subplots(2, 2, figsize=(10, 8), layout="constrained")
units = ["eV/atom", "eV"]
plot_queried(y_pool, campaign.queries_, unit=units, ax=axes[0])
plot_parity(y_test, campaign.estimator_.predict(X_test), units=units, ax=axes[1])
figure.savefig(output / "queried.png", dpi=130)
print(f"pictures: {output / 'learning-curves.png'}, {output / 'queried.png'}")
