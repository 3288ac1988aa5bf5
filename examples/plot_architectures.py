"""
Ten architectures compared
==========================

Train ten architectures on the same crystals, and compare their errors on other formulas
and their training times.
"""

# %%
# Trainings are short, 20 epochs instead of 100, and crystals few: the example shows how
# to compare, not which network is best. Slow learners are at a disadvantage; the order
# differs with thousands of crystals; and published networks were tuned for other data.
# (DimeNet++, which would take as long as all others together, is left out.)
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import pandas as pd
import torch
from matplotlib.ticker import LogLocator

import skcrystal
from skcrystal import CrystalGraphTransformer
from skcrystal.datasets import load_pbe_prototypes
from skcrystal.model_selection import FormulaShuffleSplit

NAMES = "GCN SchNet MEGNet CGCNN CoGN AngularCoGN EGAT EGNN MPNN SymGNN".split()
N_EPOCHS, N_SPLITS = 20, 2

# %%
# Graphs have the 12 nearest neighbours. Two networks also read the directions of edges,
# and one of these propagates them from atom to atom, for which equal atoms may not be
# merged: it has the largest graphs and the longest times.
torch.set_num_threads(1)
crystals = load_pbe_prototypes(as_frame=True)
nearest = {"cutoff": 8.0, "max_neighbors": 12, "whole_shells": True}
graphs = dict.fromkeys(NAMES, CrystalGraphTransformer(**nearest))
graphs["AngularCoGN"] = CrystalGraphTransformer(**nearest, vectors=True)
graphs["SymGNN"] = CrystalGraphTransformer(**nearest, vectors=True, reduce=None)
graphs = {name: make.transform(crystals.data) for name, make in graphs.items()}

# %%
# Two random splits by formula, with different initial weights.
y, rows = crystals.target, []
cv = FormulaShuffleSplit(N_SPLITS, test_size=0.2, random_state=0)
for seed, (train, test) in enumerate(cv.split(crystals.data)):
    miss = (y.iloc[test] - y.iloc[train].median()).abs().mean()
    rows.append(("median of labels", 0.0, *miss))
    for name in NAMES:
        regressor = getattr(skcrystal, f"{name}Regressor")
        model = regressor(max_epochs=N_EPOCHS, random_state=seed)
        start = perf_counter()
        model.fit(graphs[name][train], y.iloc[train])
        seconds = perf_counter() - start
        miss = (model.predict(graphs[name][test]) - y.iloc[test]).abs().mean()
        rows.append((name, seconds, *miss))
columns = ["network", "seconds", "energy (eV/atom)", "gap (eV)"]
table = pd.DataFrame(rows, columns=columns).groupby("network", sort=False)
mean = table.mean()
half = table.std() / 2**0.5  # of two numbers: half of their difference
sizes = f"{len(train)} crystals to train on, {len(test)} to test"
print(f"mean of {N_SPLITS} splits, {sizes}:\n{mean.round(3).to_string()}")
print(f"\nhalf of the difference between splits:\n{half.round(3).to_string()}")

# %%
# Lower is better, left is faster. Bars span the two splits: networks with overlapping
# bars are not distinguished by this test.
colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "black"]  # Okabe and Ito's
looks = [(colour, marker) for marker in "os" for colour in colours]
figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for axis, target in zip(axes, columns[2:], strict=True):
    for name, (colour, marker) in zip(NAMES, looks, strict=True):
        x, height = mean.loc[name, ["seconds", target]]
        bar = half.loc[name, target]
        axis.errorbar(x, height, bar, fmt=marker, color=colour, capsize=3, label=name)
    axis.set(xscale="log", xlabel="training time, one core (s)")
    axis.set(ylabel=f"mean absolute error, {target}")
    axis.margins(x=0.1, y=0.1)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.minorticks_off()
figure.legend(*axes[0].get_legend_handles_labels(), loc="outside right center")
(output := Path("demo-output")).mkdir(exist_ok=True)
figure.savefig(output / "architectures.png", dpi=150)
print(f"\npicture: {output / 'architectures.png'}")
