"""
Which neighbours does a prediction rest on?
===========================================

Explanations of crystal graph networks: of a target that is made by counting bonds,
where it is known what matters, and of formation energies.
"""

# %%
# A target with a known answer: how many bonds below 3 Å have oxygen, sulfur, fluorine
# or chlorine at an end. A network that sums over atoms learns to count them.
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GroupShuffleSplit

from skcrystal import CrystalGraphTransformer, SchNetRegressor
from skcrystal.datasets import load_pbe_prototypes
from skcrystal.inspection import explain

crystals = load_pbe_prototypes()
graphs = CrystalGraphTransformer().transform(crystals.data)  # equal sites merged
every_site = CrystalGraphTransformer(reduce=None).transform(crystals.data)


def which_count(atomic_numbers, edge_index, distance):
    """Tell of each edge whether it is a bond that counts."""
    is_anion = np.isin(atomic_numbers, [8, 9, 16, 17])
    return is_anion[edge_index].any(axis=0) & (distance < 3.0)


which = [which_count(g.z, g.edge_index, g.distance.numpy()) for g in every_site]
n_bonds = np.array([edges.sum() for edges in which], dtype=float)
split = GroupShuffleSplit(n_splits=1, test_size=0.5, random_state=0)
train, test = next(split.split(graphs, groups=crystals.groups))
model = SchNetRegressor(pooling="sum", max_epochs=30, random_state=0)
model.fit(graphs[train], n_bonds[train])
r2 = r2_score(n_bonds[test], model.predict(graphs[test]))
print(f"bonds of unseen formulas: R2 {r2:.3f}")

# %%
# An explanation gives each edge its importance. Are bonds that count above the others?
# The area under the ROC curve is one if all are, and one half by chance.
asked = [i for i in test if 0 < which[i].mean() < 1][:12]
for method in ("integrated_gradients", "gradient", "gnn_explainer"):
    areas = []
    for i in asked:
        found = explain(model, crystals.data[i], method=method)
        counted = which_count(
            np.array(found.structure.atomic_numbers),
            found.edge_index,
            found.edge_distance,
        )
        areas.append(roc_auc_score(counted, abs(found.edge_importance)))
    print(f"{method:22} area under curve {np.mean(areas):.3f}")

# %%
# A target of nature's: the formation energy of a perovskite. Integrated gradients are
# shares that add up to what edges bring, in eV/atom; shells of neighbours sum theirs.
energy = SchNetRegressor(max_epochs=30, random_state=0)
energy.fit(graphs, crystals.frame["formation_energy_per_atom"])
perovskite = crystals.data[crystals.frame["formula"].tolist().index("SrTiO3")]
explanation = explain(energy, perovskite)
brought = explanation.prediction - explanation.without_edges
print(f"\n{explanation}")
print(f"edges bring {brought:.3f}, shares {explanation.edge_importance.sum():.3f}")
table = explanation.to_frame()
table["edge"] = table["target_element"] + " hears " + table["neighbor_element"]
table["distance"] = table["distance"].round(2)
shells = table.groupby(["edge", "distance"])["importance"].agg(["size", "sum"])
shells = shells.sort_values("sum", key=abs, ascending=False)
print(shells.head(8).round(3))

# %%
# The cell, with halves of bonds coloured by what the atom at that end hears; and the
# shares of shells.
figure = plt.figure(figsize=(12, 5), layout="constrained")
cell = figure.add_subplot(1, 5, (1, 3), projection="3d")
shares = figure.add_subplot(1, 5, (4, 5))
explanation.plot(ax=cell, unit="eV/atom")
labels = [f"{edge}, {distance:.2f} Å" for edge, distance in shells.index[:10]]
shares.barh(labels[::-1], shells["sum"][:10][::-1], color="#0072B2")
shares.set(xlabel="share of formation energy (eV/atom)")
(output := Path("demo-output")).mkdir(exist_ok=True)
figure.savefig(output / "explanation.png", dpi=150)
print(f"\npicture: {output / 'explanation.png'}")
