"""
From crystals to predictions
============================

Train a crystal graph network on density functional theory labels, and test predicted
formation energies and band gaps on other compounds.
"""

# %%
# The package has 1,097 crystals with PBE labels. Polymorphs of one formula resemble
# each other, so the test set has other formulas.
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import make_pipeline

from skcrystal import CGCNNRegressor, CrystalGraphTransformer
from skcrystal.datasets import load_pbe_prototypes

crystals = load_pbe_prototypes()
split = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=0)
train, test = next(split.split(crystals.data, crystals.target, crystals.groups))
X_train, X_test = ([crystals.data[i] for i in part] for part in (train, test))
y_train, y_test = crystals.target[train], crystals.target[test]
print(f"{len(train)} crystals to train on, {len(test)} of other formulas to test on")

# %%
# A pipeline from structures to predictions.
start = perf_counter()
model = make_pipeline(CrystalGraphTransformer(), CGCNNRegressor(random_state=0))
model.fit(X_train, y_train)
predicted = model.predict(X_test)
print(f"trained and predicted in {perf_counter() - start:.0f} s\n")

# %%
# The baseline is the mean predictor.
labels = ["formation energy (eV/atom)", "band gap (eV)"]
mean = DummyRegressor().fit(np.zeros((len(train), 1)), y_train).predict(X_test)
errors = mean_absolute_error(y_test, predicted, multioutput="raw_values")
yardstick = mean_absolute_error(y_test, mean, multioutput="raw_values")
for label, error, of_mean in zip(labels, errors, yardstick, strict=True):
    print(f"{label:27s} MAE {error:.3f}, mean predictor {of_mean:.3f} ", end="")
    print(f"(ratio {error / of_mean:.2f})")

# %%
# Predicted against computed: the closer to the diagonal, the better.
figure, axes = plt.subplots(1, 2, figsize=(9, 4.4), layout="constrained")
for t, (axis, label) in enumerate(zip(axes, labels, strict=True)):
    both = np.concatenate([y_test[:, t], predicted[:, t]])
    ends = [both.min() - 0.2, both.max() + 0.2]
    axis.plot(ends, ends, color="0.6", linewidth=1, zorder=0)
    axis.scatter(y_test[:, t], predicted[:, t], s=14, alpha=0.6, color="#0072B2")
    axis.set(xlabel=f"PBE {label}", ylabel=f"predicted {label}", xlim=ends, ylim=ends)
    axis.set_aspect("equal")
    unit = label[label.index("(") + 1 : -1]
    axis.set_title(f"MAE {errors[t]:.3f} {unit} on unseen formulas", fontsize=10)
output = Path("demo-output")
output.mkdir(exist_ok=True)
figure.savefig(output / "parity.png", dpi=150)
print(f"\nparity plot: {output / 'parity.png'}")
