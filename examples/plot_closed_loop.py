"""
A closed loop with an ASE calculator
====================================

Find the most stable ordered alloys of seven metals: the model selects crystals, an ASE
calculator relaxes them, and the model is trained on the results.
"""

# %%
# The candidates: binary and ternary alloys on the sites of six prototypes, with volumes
# by Vegard's law. With density functional theory, each would take hours.
from functools import partial
from itertools import combinations, permutations
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from ase.calculators.emt import EMT
from pymatgen.core import Lattice, Structure

from skcrystal import ActiveLearningCampaign, CGCNNRegressor
from skcrystal.active import CalculatorOracle, expected_improvement

metals = ["Al", "Ni", "Cu", "Pd", "Ag", "Pt", "Au"]
volumes = dict(zip(metals, [16.6, 10.9, 11.8, 14.7, 17.1, 15.1, 17.0], strict=True))
cubic, layered = Lattice.cubic(1), Lattice.tetragonal(0.5**0.5, 1)
fcc = Lattice([[0, 1, 1], [1, 0, 1], [1, 1, 0]])
center, faces = [(0, 0, 0), (0.5, 0.5, 0.5)], [(0.5, 0.5, 0), (0.5, 0, 0.5)]
corners = [*faces, (0, 0.5, 0.5), (0, 0, 0)]
diagonal = [(0.25, 0.25, 0.25), (0.75, 0.75, 0.75), *center]


def alloy(lattice, elements, sites):
    crystal = Structure(lattice, elements, sites)
    crystal.scale_lattice(sum(volumes[element] for element in elements))
    return crystal


candidates = []
for a, b in combinations(metals, 2):
    candidates += [alloy(lattice, [a, b], center) for lattice in (cubic, layered)]
for a, b in permutations(metals, 2):
    candidates.append(alloy(cubic, [a, a, a, b], corners))
    candidates.append(alloy(fcc, [a, a, a, b], diagonal))
    for c in metals[metals.index(b) + 1 :]:
        if c != a:  # Heusler alloys, and inverse ones
            candidates.append(alloy(fcc, [a, a, b, c], diagonal))
            candidates.append(alloy(fcc, [a, b, a, c], diagonal))

# %%
# The oracle relaxes sites and cell, and returns the formation energy, with any ASE
# calculator: Espresso, VASP, GPAW, MACE; here a potential that takes milliseconds.
elements = [alloy(fcc, [metal], [(0, 0, 0)]) for metal in metals]
energy = CalculatorOracle(EMT, ["energy_per_atom"], relax=True)
references = {m: energy(e)[0] for m, e in zip(metals, elements, strict=True)}
target = "formation_energy_per_atom"
oracle = CalculatorOracle(EMT, [target], references=references, relax=True)

# %%
# The campaign selects the crystals of largest expected improvement. Its journal is on
# disk: after a kill at any moment, the same call resumes.
lowest = partial(expected_improvement, weights={target: -1})
model = CGCNNRegressor(dropout=0.1, max_epochs=60)
sizes = {"n_initial": 20, "batch_size": 10, "n_cycles": 6}
start = perf_counter()
with TemporaryDirectory() as folder:
    campaign = ActiveLearningCampaign(
        model, lowest, oracle, **sizes, directory=folder, random_state=0
    ).run(candidates)
order = campaign.queries_["row"].to_numpy()
print(f"{len(order)} of {len(candidates)} computed, {perf_counter() - start:.0f} s")

# %%
# This calculator is fast enough to label all candidates, for comparison.
truth = np.array([oracle(crystal)[0] for crystal in candidates])
best = np.argsort(truth)[:20]
found = np.isin(order, best).cumsum()
n = np.arange(1, len(order) + 1)
chance = 20 * n / len(truth)
print(f"{found[-1]} of the 20 most stable found, {chance[-1]:.1f} by chance")
for row in best[:5]:
    when = "computed" if row in order else "missed"
    print(f"{candidates[row].formula:14s} {truth[row]:.3f} eV/atom, {when}")

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
left.axhspan(truth.min() - 0.01, truth[best].max(), color="0.9", label="20 most stable")
left.scatter(n, truth[order], s=18, color="#0072B2", label="computed alloy")
left.axvline(sizes["n_initial"] + 0.5, color="0.5", linestyle=":", label="by model")
left.set(xlabel="calculation", ylabel="formation energy (eV/atom)")
right.plot(n, found, color="#0072B2", label="campaign")
right.plot(n, chance, "--", color="#D55E00", label="random, expected")
right.set(xlabel="calculations", ylabel="of 20 found", yticks=range(0, 21, 5))
left.legend(frameon=False)
right.legend(frameon=False)
output = Path("demo-output")
output.mkdir(exist_ok=True)
figure.savefig(output / "closed-loop.png", dpi=130)
