"""
From a folder of CIF files to ranked candidates
===============================================

Train on CIF files in a folder with a table of labels, and rank files without labels by
the probability that they have the desired properties.
"""

# %%
# A typical folder: CIF files, and ``id_prop.csv`` with the id, formation energy and gap
# of each. Some gaps are missing, and one file is damaged. Another folder has the
# candidates: other formulas, without labels.
import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import matplotlib.pyplot as plt
from scipy.stats import norm
from sklearn.model_selection import GroupShuffleSplit

from skcrystal import CalibratedRegressor, CGCNNRegressor, EnsembleRegressor
from skcrystal.datasets import load_pbe_prototypes, read_cif_folder

source = load_pbe_prototypes()
split = GroupShuffleSplit(n_splits=1, test_size=0.3, random_state=0)
known, unknown = next(split.split(source.data, groups=source.groups))
temporary = TemporaryDirectory()
labelled, candidates = Path(temporary.name, "known"), Path(temporary.name, "new")
for folder, rows in ((labelled, known), (candidates, unknown)):
    folder.mkdir()
    for row in rows:
        (folder / f"{row:04d}.cif").write_text(source.data[row].to(fmt="cif"))
with (labelled / "id_prop.csv").open("w", newline="") as file:
    table = csv.writer(file)
    for row in known:
        energy, gap = source.target[row]
        table.writerow([f"{row:04d}", energy, gap if row % 10 else ""])
(labelled / f"{known[7]:04d}.cif").write_text("data_broken\n_cell_length_a 4.2\n")

# %%
# Ids are read as text, an empty cell is a missing label, and files that cannot be read
# are listed with the reason.
start = perf_counter()
names = ["formation_energy_per_atom", "band_gap"]
data = read_cif_folder(labelled, targets=names, errors="skip")
print(f"{len(data.data)} crystals read in {perf_counter() - start:.1f} s")
for name, reason in data.failed_.items():
    print(f"{name}.cif left out: {reason}")
print(data.frame[names].describe().loc[["count", "mean", "min", "max"]].round(2))

# %%
# An ensemble of three networks, calibrated on a calibration set of other formulas.
ensemble = EnsembleRegressor(CGCNNRegressor(max_epochs=40), n_estimators=3)
model = CalibratedRegressor(ensemble, random_state=0).fit(data.data, data.target)
new = read_cif_folder(candidates, id_prop=None)
mean, std = model.predict(new.data, return_std=True)

# %%
# Rank by the probability of a gap of 1 to 3 eV and a formation energy below -1 eV/atom.
energy, gap = (norm(m, s) for m, s in zip(mean.T, std.T, strict=True))
probability = (gap.cdf(3) - gap.cdf(1)) * energy.cdf(-1)
ranked = new.frame[["formula"]].assign(
    energy=mean[:, 0], gap=mean[:, 1], gap_std=std[:, 1], probability=probability
)
ranked = ranked.sort_values("probability", ascending=False)
print(ranked.head(8).round(2).to_string())

# %%
# For a test, compare with the labels of the candidates.
truth = source.target[ranked.index.astype(int)]
wanted = (truth[:, 0] < -1) & (truth[:, 1] > 1) & (truth[:, 1] < 3)
chance = 20 * wanted.mean()
print(f"{wanted[:20].sum()} of the first 20 are wanted, {chance:.1f} by chance")
figure, axis = plt.subplots(figsize=(6.4, 4.4), layout="constrained")
axis.axvspan(1, 3, color="0.92")
axis.axhline(-1, color="0.6", linestyle="--")
colors = axis.scatter(mean[:, 1], mean[:, 0], c=probability, s=14, cmap="cividis")
top = ranked.head(20)
axis.errorbar(
    top["gap"], top["energy"], xerr=top["gap_std"], fmt="none", color="#D55E00", lw=0.8
)
figure.colorbar(colors, label="probability of being wanted")
axis.set(xlabel="predicted gap (eV)", ylabel="predicted formation energy (eV/atom)")
axis.set_title("candidates; bars: standard deviation of the first 20", fontsize=10)
output = Path("demo-output")
output.mkdir(exist_ok=True)
figure.savefig(output / "cif-folder.png", dpi=130)
temporary.cleanup()
print(f"picture: {output / 'cif-folder.png'}")
