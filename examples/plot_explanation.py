"""
Explaining predictions
======================

Importance of edges for a target with a known explanation, the number of certain bonds,
and for formation energies.
"""

# %%
# A target with a known explanation: the number of bonds below 3 Å that have oxygen,
# sulfur, fluorine or chlorine at an end. A network that sums over atoms learns it.
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
    """Mask of edges that are counted bonds."""
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
# An explanation gives the importance of each edge. The area under the ROC curve is one
# if all counted bonds are more important than the others, and one half by chance.
mixed = [i for i in test if 0 < which[i].mean() < 1][:12]
for method in ("integrated_gradients", "gradient", "gnn_explainer"):
    areas = []
    for i in mixed:
        found = explain(model, crystals.data[i], method=method)
        counted = which_count(
            np.array(found.structure.atomic_numbers),
            found.edge_index,
            found.edge_distance,
        )
        areas.append(roc_auc_score(counted, abs(found.edge_importance)))
    print(f"{method:22} area under curve {np.mean(areas):.3f}")

# %%
# Formation energy of a perovskite. Integrated gradients are contributions in eV/atom
# that add up to that of all edges; here they are summed over shells of neighbours.
energy = SchNetRegressor(max_epochs=30, random_state=0)
energy.fit(graphs, crystals.frame["formation_energy_per_atom"])
perovskite = crystals.data[crystals.frame["formula"].tolist().index("SrTiO3")]
explanation = explain(energy, perovskite)
brought = explanation.prediction - explanation.without_edges
print(f"\n{explanation}")
print(f"edges bring {brought:.3f}, shares {explanation.edge_importance.sum():.3f}")
table = explanation.to_frame()
table["edge"] = table["neighbor_element"] + " to " + table["target_element"]
table["distance"] = table["distance"].round(2)
shells = table.groupby(["edge", "distance"])["importance"].agg(["size", "sum"])
shells = shells.sort_values("sum", key=abs, ascending=False)
print(shells.head(8).round(3))

# %%
# The cell, with half-bonds coloured by the message to the atom at that end; and the
# contributions of shells.
figure = plt.figure(figsize=(12, 5), layout="constrained")
cell = figure.add_subplot(1, 5, (1, 3), projection="3d")
shares = figure.add_subplot(1, 5, (4, 5))
explanation.plot(ax=cell, unit="eV/atom")
labels = [f"{edge}, {distance:.2f} Å" for edge, distance in shells.index[:10]]
shares.barh(labels[::-1], shells["sum"][:10][::-1], color="#0072B2")
shares.set(xlabel="contribution to formation energy (eV/atom)")
(output := Path("demo-output")).mkdir(exist_ok=True)
figure.savefig(output / "explanation.png", dpi=150)
print(f"\npicture: {output / 'explanation.png'}")
