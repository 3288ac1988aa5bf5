"""
Three convolutions compared
===========================

Train one network with three convolutions: without neighbours, with one matrix for all
neighbours, and with a gate for each. Compare their errors.
"""

# %%
# ``conv="gated"`` is eq. 5 of `Xie and Grossman
# <https://doi.org/10.1103/PhysRevLett.120.145301>`_: a gate weights each neighbour.
# "shared" is their eq. 4, a sum of one linear map. "self" ignores neighbours.
from itertools import combinations
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from skcrystal import CGCNNRegressor, CrystalGraphTransformer
from skcrystal.datasets import load_pbe_prototypes

COLORS = {"self": "#E69F00", "shared": "#009E73", "gated": "#0072B2"}
N_EPOCHS, SEEDS = 40, (0, 1, 2)

crystals = load_pbe_prototypes(as_frame=True)
graphs, y = CrystalGraphTransformer().transform(crystals.data), crystals.target
split = GroupShuffleSplit(n_splits=1, test_size=0.2, random_state=0)
train, test = next(split.split(y, groups=crystals.groups))
known, formulas = y.iloc[test].to_numpy(), np.asarray(crystals.groups)[test]
print(f"{len(train)} crystals to train on, {len(test)} of other formulas to test on")

# %%
# Polymorphs have the same formula and different geometries. Predicted differences of
# their energies show how well a network uses geometry.
pairs = combinations(range(len(test)), 2)
one, other = np.transpose([(i, j) for i, j in pairs if formulas[i] == formulas[j]])
difference = known[one, 0] - known[other, 0]

# %%
# ``early_stopping`` splits off a validation set of other formulas, with its error in
# each epoch. For the whole curve, set its patience to the number of epochs.
start, histories, rows = perf_counter(), [], []
for conv in COLORS:
    for seed in SEEDS:
        model = CGCNNRegressor(
            conv=conv,
            max_epochs=N_EPOCHS,
            early_stopping=True,
            validation_fraction=0.15,
            n_iter_no_change=N_EPOCHS,
            random_state=seed,
        ).fit(graphs[train], y.iloc[train])
        histories.append(model.history_.assign(conv=conv))
        predicted = model.predict(graphs[test])
        between = predicted[one, 0] - predicted[other, 0]
        errors = abs(predicted - known).mean(axis=0)
        missed = between - difference
        rows.append((conv, *errors, abs(between).mean(), abs(missed).mean()))
print(f"{len(rows)} networks trained in {perf_counter() - start:.0f} s\n")

# %%
# A network of composition alone has the same prediction for two polymorphs: its
# predicted difference is zero, and the error of it is the whole difference.
columns = ["conv", "energy MAE", "gap MAE", "difference", "its MAE"]
table = pd.DataFrame(rows, columns=columns).groupby("conv", sort=False)
mean = table.mean()
print(
    f"test errors (eV/atom; gap in eV), mean of {len(SEEDS)} seeds; {len(one)} pairs of"
)
print(f"polymorphs, whose energies differ by {abs(difference).mean():.3f} eV/atom:")
print(mean.abs().round(3).to_string())
print(f"\nstandard deviations over seeds:\n{table.std().round(3).to_string()}\n")
for conv in ("shared", "gated"):
    of_energy, of_gap = (mean.loc[conv] / mean.loc["self"]).iloc[:2]
    print(f"{conv}: {of_energy:.2f} of the error without neighbours, gap {of_gap:.2f}")

# %%
# Dashed lines are training losses: composition alone leaves the difference between
# polymorphs. Solid ones are losses and errors on the validation set.
curves = pd.concat(histories).groupby(["conv", "epoch"]).mean()
labels = ["formation energy MAE (eV/atom)", "band gap MAE (eV)"]
panels = [f"valid_mae_{name}" for name in crystals.target_names]
figure, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for conv, color in COLORS.items():
    curve = curves.loc[conv]
    axes[0].plot(curve["train_loss"], "--", color=color, label=f"{conv}, training")
    for axis, column in zip(axes, ["valid_loss", *panels], strict=True):
        axis.plot(curve[column], color=color, label=f"{conv}, validation")
for axis, label in zip(axes, ["loss (spread of labels = 1)", *labels], strict=True):
    axis.set(xlabel="epoch", ylabel=label, ylim=(0, None))
axes[0].legend(fontsize=8)
(output := Path("demo-output")).mkdir(exist_ok=True)
figure.savefig(output / "convolutions.png", dpi=130)
last = curves.groupby("conv", sort=False).last()[["train_loss", "valid_loss"]]
print(f"\nlosses in the last epoch:\n{last.loc[[*COLORS]].round(3).to_string()}")
print(f"\npicture: {output / 'convolutions.png'}")
