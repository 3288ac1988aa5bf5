"""
A few gaps, many energies
=========================

Every calculation gives an energy, few give a gap. Compare a network of gaps alone with
a multi-task network of gaps and energies.
"""

# %%
# All training crystals have a formation energy, a few have a gap: the others have NaN
# there, a missing label.
import warnings
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import mean_absolute_error
from sklearn.model_selection import GroupShuffleSplit

from skcrystal import CGCNNRegressor, CrystalGraphTransformer, MTCGCNNRegressor
from skcrystal.datasets import load_pbe_prototypes

crystals = load_pbe_prototypes()
graphs = CrystalGraphTransformer().transform(crystals.data)
energy, gap = crystals.target.T
sizes, n_seeds, epochs = [50, 100, 200], 2, 30
start = perf_counter()
warnings.filterwarnings("ignore", "X holds elements")  # fifty crystals miss some


def with_few_gaps(known):
    y = np.column_stack([energy, np.full(len(gap), np.nan)])
    y[known, 1] = gap[known]
    return y


# %%
# One network is trained on the known gaps alone, with as many steps as the other, which
# has a head for each target on one trunk, and task weights by uncertainty. No formula
# is both in training and in test set.
arms = ["gaps alone", "gaps and energies"]
errors = np.zeros((len(arms), len(sizes), n_seeds))
for seed in range(n_seeds):
    splitter = GroupShuffleSplit(n_splits=1, test_size=0.25, random_state=seed)
    train, test = next(splitter.split(graphs, groups=crystals.groups))
    shuffled = np.random.RandomState(seed).permutation(train)
    for column, n in enumerate(sizes):
        known = shuffled[:n]
        equal_steps = round(epochs * len(train) / n)
        alone = CGCNNRegressor(max_epochs=equal_steps, random_state=seed)
        alone.fit(graphs[known], gap[known])
        both = MTCGCNNRegressor(
            task_weights="uncertainty", max_epochs=epochs, random_state=seed
        ).fit(graphs[train], with_few_gaps(known)[train])
        predictions = [alone.predict(graphs[test]), both.predict(graphs[test])[:, 1]]
        for row, predicted in enumerate(predictions):
            errors[row, column, seed] = mean_absolute_error(gap[test], predicted)

print("MAE of the gap (eV), of crystals of other formulas")
print(f"{'known gaps':20s}" + "".join(f"{n:8d}" for n in sizes))
for arm, values in zip(arms, errors.mean(axis=2), strict=True):
    print(f"{arm:20s}" + "".join(f"{value:8.3f}" for value in values))
print(f"{len(train)} energies; {perf_counter() - start:.0f} s")

# %%
# A trunk trained on many energies needs fewer gaps. With as many gaps as energies the
# targets help each other little: docs/multi-task.md.
figure, axis = plt.subplots(figsize=(6, 4.2), layout="constrained")
styles = zip(arms, ["#D55E00", "#0072B2"], "so", errors, strict=True)
for arm, color, marker, values in styles:
    spread = values.std(axis=1)
    mean = values.mean(axis=1)
    axis.errorbar(sizes, mean, spread, color=color, marker=marker, capsize=3, label=arm)
axis.set(
    xlabel=f"known band gaps, with {len(train)} energies",
    ylabel="MAE of the band gap (eV)",
    ylim=(0, None),
    title=f"other formulas, mean and spread of {n_seeds} seeds",
)
axis.legend(frameon=False)
output = Path("demo-output")
output.mkdir(exist_ok=True)
figure.savefig(output / "multitask.png", dpi=130)
print(f"picture: {output / 'multitask.png'}")
