"""
Transfer learning
=================

Pre-train a network on crystals with many labels, then train it on others with few.
Compare errors with and without pre-training, and with a frozen trunk.
"""

# %%
# The task is to predict perovskites, from at most a hundred labels; the test set has
# others. Pre-training uses the rest of the data set, five other prototypes.
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
# The initial network: a fitted model, as here, the folder of its ``save_pretrained``,
# or the name of a model in the package. Graphs must have equal settings in both
# trainings, which ``pretrained`` ensures if you give crystals instead of graphs.
begin = perf_counter()
source = CoGNRegressor(max_epochs=20, random_state=0)
source.fit(graphs[others], y.iloc[others])
start = FrozenEstimator(source)
print(f"pre-trained on {len(others)} others in {perf_counter() - begin:.0f} s")

# %%
# Each network gets a new head for its targets, which may be other ones. All trainings
# have the same number of steps. (Elements missing in a dozen crystals would cause a
# warning each time.)
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
# Pre-training has the effect of doubling the number of labels, or more. With the fewest
# labels, training the head alone gives the best energies; with more labels, training
# the trunk as well becomes better.
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
