"""
What other crystals teach
=========================

Train a network on crystals that have labels, then let it go on with those that you care
for, of which few have any. See how many labels that saves, and what to freeze.
"""

# %%
# Perovskites are the crystals to care for here; networks may read the labels of a
# hundred at most, and are tested on others. The rest of the set has five other
# prototypes: no perovskite is among them.
import warnings
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupShuffleSplit

from skcrystal import CoGNRegressor, CrystalGraphTransformer
from skcrystal.datasets import load_pbe_prototypes

SIZES, SEEDS, STEPS, BATCH = (12, 25, 50, 100), (0, 1, 2), 150, 16

crystals = load_pbe_prototypes(as_frame=True)
graphs = CrystalGraphTransformer(cutoff=8.0, max_neighbors=12).transform(crystals.data)
y = crystals.target
is_perovskite = (crystals.frame["prototype"] == "perovskite").to_numpy()
others, perovskites = np.flatnonzero(~is_perovskite), np.flatnonzero(is_perovskite)
split = GroupShuffleSplit(n_splits=1, test_size=100, random_state=0)
labelled, test = next(split.split(perovskites, groups=crystals.groups[perovskites]))
labelled, test = perovskites[labelled], perovskites[test]

# %%
# What to start from. With your own data that is a model you have fitted, as here, the
# folder that its ``save_pretrained`` wrote, or the name of a model that comes with the
# package. Graphs are made alike for both trainings: give crystals instead of graphs,
# and ``pretrained`` sees to it.
begin = perf_counter()
source = CoGNRegressor(max_epochs=20, random_state=0)
source.fit(graphs[others], y.iloc[others])
start = FrozenEstimator(source)
print(f"pre-trained on {len(others)} others in {perf_counter() - begin:.0f} s")

# %%
# Each network gets a new head for its targets, which may be other ones. All make the
# same number of steps, however many labels there are. (A dozen crystals hold few of the
# elements, of which there would be a warning each time.)
warnings.filterwarnings("ignore", "X holds elements")
ARMS = {
    "from nothing": {},
    "pre-trained, all weights": {"pretrained": start},
    "pre-trained, head alone": {"pretrained": start, "freeze": "trunk"},
}
rows, begin = [], perf_counter()
for seed in SEEDS:
    order = np.random.RandomState(seed).permutation(labelled)
    for n in SIZES:
        for arm, parameters in ARMS.items():
            n_epochs = round(STEPS / np.ceil(n / BATCH))
            model = CoGNRegressor(
                max_epochs=n_epochs, batch_size=BATCH, random_state=seed, **parameters
            )
            model.fit(graphs[order[:n]], y.iloc[order[:n]])
            error = abs(model.predict(graphs[test]) - y.iloc[test]).mean()
            rows.append([arm, n, *error])
columns = ["arm", "labels", "energy (eV/atom)", "gap (eV)"]
errors = pd.DataFrame(rows, columns=columns).groupby(columns[:2], sort=False)
mean, spread = errors.mean(), errors.std()
print(f"trained {len(rows)} networks in {perf_counter() - begin:.0f} s\n")
print(f"mean absolute errors, {len(test)} perovskites:")
print(mean.unstack("labels").round(2).to_string())

# %%
# What the trunk has learned is worth as much as the same number of labels again, or
# more. With the fewest labels a head alone does best on energies; the more there are,
# the more do the layers below have to learn from them.
figure, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained")
for axis, target in zip(axes, columns[2:], strict=True):
    for arm, color in zip(ARMS, ["0.5", "#0072B2", "#E69F00"], strict=True):
        error, std = mean.loc[arm, target], spread.loc[arm, target]
        axis.plot(SIZES, error, marker="o", color=color, label=arm)
        axis.fill_between(
            SIZES, error - std, error + std, color=color, alpha=0.2, linewidth=0
        )
    axis.set(xscale="log", xlabel="perovskites with labels", ylim=(0, None))
    axis.set(ylabel=f"mean absolute error, {target}")
    axis.set_xticks(SIZES, SIZES)
    axis.minorticks_off()
axes[0].legend(frameon=False)
output = Path("demo-output")
output.mkdir(exist_ok=True)
figure.savefig(output / "transfer.png", dpi=150)
print(f"\nlearning curves: {output / 'transfer.png'}")
