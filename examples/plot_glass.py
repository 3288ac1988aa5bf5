"""
Atoms of a metallic glass
=========================

Predict energies of atoms in a glass, explain them by neighbours, and count rings.
"""

# %%
# **Glass.** Copper and palladium start at random positions, are a liquid for 0.3 ps,
# and relax into the nearest energy minimum. Targets are energies of atoms, in place of
# energy barriers (`Li et al. <https://arxiv.org/abs/2401.08627>`_), which need a search
# each and are harder to learn. EMT, a potential in ASE, gives them at once.
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from ase import Atoms, units
from ase.calculators.emt import EMT
from ase.md.langevin import Langevin
from ase.optimize import FIRE
from pymatgen.io.ase import AseAtomsAdaptor

from skcrystal import CoGNRegressor
from skcrystal.inspection import compare_cycles, explain, permutation_test


def quench(seed):
    random, box = np.random.RandomState(seed), np.full(3, 15.2)  # Å
    places = random.rand(250, 3) * box
    atoms = Atoms("Cu125Pd125", places, cell=box, pbc=True, calculator=EMT())
    FIRE(atoms, logfile=None).run(steps=30)
    bath = {"temperature_K": 1200, "friction": 0.05 / units.fs, "fixcm": False}
    Langevin(atoms, 5 * units.fs, rng=random, **bath).run(60)
    FIRE(atoms, logfile=None).run(fmax=0.1, steps=100)
    return AseAtomsAdaptor.get_structure(atoms), atoms.get_potential_energies()


# %%
# **Targets of atoms** are an array for each structure: here energies relative to the
# mean of the element, so that the baseline predicts zero. Atoms of one configuration
# are correlated, so that the test set is a whole configuration.
(*train, glass), energies = zip(*map(quench, range(5)), strict=True)
means = np.reshape(energies[:-1], (4, 2, 125)).mean(axis=(0, 2))  # of Cu, of Pd
y = energies - np.repeat(means, 125)  # (5, 250) in eV
sizes = {"n_layers": 2, "max_epochs": 40, "batch_size": 1, "lr": 0.01}
model = CoGNRegressor(target_level="atom", random_state=0, **sizes).fit(train, y[:-1])
(predicted,), truth = model.predict([glass]), y[-1]
r, error = np.corrcoef(truth, predicted)[0, 1], abs(truth - predicted).mean()
print(f"r = {r:.3f}, error {error:.4f} eV; by element {abs(truth).mean():.4f} eV")

# %%
# **Explanations** of the lowest, middle and highest predictions. The true explanation
# is known: EMT's energy of an atom depends on its own neighbours only.
order = np.argsort(predicted)
picked = np.concatenate([order[:8], order[121:129], order[-8:]])
tables = {atom: explain(model, glass, atom).to_frame() for atom in picked}
edges = pd.concat(tables, names=["center", None]).reset_index("center")
own, weight = edges.target == edges.center, abs(edges.importance)
share = weight[own].sum() / weight.sum()
print(f"own neighbours: {own.mean():.0%} of edges, {share:.0%} of importance")

# %%
# **Rings** of persistent homology consist of short edges, and near neighbours are most
# important. So important edges are in more rings than random ones for any model; edges
# of equal length are in as many. Each explained atom enters once, with its mean.
rings = pd.DataFrame(index=["low", "middle", "high"])
for control, name in (("random", "random"), ("length", "as long")):
    means = []
    for atom, table in tables.items():  # the most important edges come first
        pairs, images = table[["target", "neighbor"]], [*table.image]
        given = {"images": images, "control": control, "random_state": 0}
        found = compare_cycles(glass, atom, pairs, range(10), 7.0, **given)
        means.append((found.important_counts.mean(), found.other_counts.mean()))
    p = permutation_test(*np.transpose(means), paired=True, random_state=0).p_value
    rings[["important", f"{name}, p = {p:.2g}"]] = np.reshape(means, (3, 8, 2)).mean(1)
print(f"rings an edge, by prediction:\n{rings.round(1)}")

figure, axes = plt.subplots(2, 2, figsize=(10, 8.5), layout="constrained")
parity, box, near, bars = axes.flat
x, depth, z = (glass.frac_coords % 1 * glass.lattice.a).T
x[abs(depth - glass.lattice.a / 2) > 2] = np.nan
style = {"cmap": "cividis", "vmin": 0, "vmax": 2, "edgecolors": "black"}
third = np.argsort(order) * 3 // 250  # of predictions, for colours
for symbol, marker, rows in (("Cu", "o", slice(125)), ("Pd", "s", slice(125, 250))):
    style |= {"c": third[rows], "marker": marker, "label": symbol}
    parity.scatter(truth[rows], predicted[rows], 15, lw=0.3, **style)
    box.scatter(x[rows], z[rows], 150, **style)
    some = edges[own & (edges.neighbor_element == symbol)]
    near.plot("distance", "importance", ".", data=some, ms=3, label=f"own {symbol}")
near.plot("distance", "importance", ".k", data=edges[~own], ms=1, label="others")
near.set(xlabel="length of edge (Å)", ylabel="importance (eV)")
parity.set(title=f"r = {r:.3f}, in thirds", xlabel="EMT (eV)", ylabel="predicted (eV)")
box.set(title="4 Å of the box", xlabel="x (Å)", ylabel="z (Å)", aspect="equal")
rings.plot.bar(ax=bars, rot=0, cmap="cividis", xlabel="atoms", ylabel="rings an edge")
parity.legend(), near.legend(markerscale=3)
(output := Path("demo-output")).mkdir(exist_ok=True)
figure.savefig(output / "glass.png", dpi=130)
print(f"\npicture: {output / 'glass.png'}")
