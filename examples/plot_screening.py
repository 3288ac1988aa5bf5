"""
Screening candidates
====================

Screen crystals with the model in the package, and rank them by the probability of a gap
in a window and of a low formation energy.
"""

# %%
# The candidates are a thousand cubic crystals. Their PBE labels are used at the end
# only.
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import norm

from skcrystal import predict
from skcrystal.datasets import load_pbe_prototypes

LOW, HIGH, BELOW, N_PICKED = 1.0, 2.5, -1.0, 20  # eV, eV, eV/atom

candidates = load_pbe_prototypes()
start = perf_counter()
table = predict(candidates.data)
print(f"{len(table)} crystals predicted in {perf_counter() - start:.1f} s")

# %%
# Errors are taken as normal. The probability of a gap in the window is reduced by the
# probability of a metal. Both conditions must be met.
gap = norm(table["band_gap"], table["band_gap_std"])
in_window = (gap.cdf(HIGH) - gap.cdf(LOW)) * (1 - table["metal_probability"])
fe = "formation_energy_per_atom"
energy = norm(table[fe], table[f"{fe}_std"])
table["probability"] = in_window * energy.cdf(BELOW)
table.insert(0, "formula", [crystal.reduced_formula for crystal in candidates.data])
table.insert(1, "prototype", candidates.frame["prototype"].to_numpy())
best = table.sort_values("probability", ascending=False).head(N_PICKED)
print(best.drop(columns=["efermi", "efermi_std"]).head(10).round(2).to_string())

# %%
# Comparison with PBE. The model was trained on relaxed, mostly stable crystals, and
# predicts too low energies for these, many of them hypothetical: a ranking is robust to
# that, the energies are not.
known = candidates.frame[[fe, "band_gap"]].to_numpy()
wanted = (known[:, 0] < BELOW) & (known[:, 1] > LOW) & (known[:, 1] < HIGH)
by_rank = np.argsort(-table["probability"].to_numpy(), kind="stable")
found = np.cumsum(wanted[by_rank])
print(f"{wanted.sum()} of {len(table)} candidates are wanted")
print(f"by chance, {N_PICKED * wanted.mean():.1f} of {N_PICKED} picked would be")
print(f"by probability, {found[N_PICKED - 1]} of {N_PICKED} picked are")
half = np.searchsorted(found, wanted.sum() / 2) + 1
print(f"half of them are found in {half} calculations")

# %%
# Error bars are one standard deviation; a line leads to the PBE value.
figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
left.axvspan(LOW, HIGH, ymax=1, color="#0072B2", alpha=0.1, label="wanted gap")
left.axhline(BELOW, color="grey", ls="--", lw=1, label="wanted below")
mean = best[["band_gap", fe]].to_numpy()
std = best[["band_gap_std", f"{fe}_std"]].to_numpy()
truth = known[best.index][:, ::-1]
left.errorbar(*mean.T, xerr=std[:, 0], yerr=std[:, 1], fmt="o", ms=4, color="#0072B2")
left.plot(*np.stack([mean, truth]).transpose(2, 0, 1), color="grey", lw=0.7)
left.plot(*truth.T, "x", color="#D55E00", label="PBE")
left.set(xlabel="band gap (eV)", ylabel="formation energy (eV/atom)")
left.set_title(f"the {N_PICKED} most probable")
left.legend()
n_computed = np.arange(1, len(found) + 1)
right.plot(n_computed, found, color="#0072B2", label="by probability")
right.plot(
    n_computed, n_computed * wanted.mean(), "--", color="grey", label="by chance"
)
right.set(xlabel="calculations", ylabel="wanted crystals found")
right.set_xlim(0, 400)
right.set_ylim(0, None)
right.legend()
out = Path("demo-output")
out.mkdir(exist_ok=True)
figure.savefig(out / "screening.png", dpi=150)
print(f"saved {out / 'screening.png'}")
