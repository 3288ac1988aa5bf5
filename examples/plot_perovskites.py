"""
Structure or composition
========================

Classify the structure type of crystals with and without neighbours, to find which types
follow from the composition alone.
"""

# %%
# ``conv="self"`` is CGCNN without neighbours, a network of composition alone. Both
# networks are tested on formulas not seen in training, each crystal once.
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay, accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from skcrystal import CGCNNClassifier, CrystalGraphTransformer
from skcrystal.datasets import load_pbe_prototypes

crystals = load_pbe_prototypes()
graphs = CrystalGraphTransformer().transform(crystals.data)
prototype = crystals.frame["prototype"].to_numpy()
networks = {"composition": "self", "structure": "gated"}


def answers(rows, classes):
    """Classes of crystals as each network predicts them."""
    return {
        name: cross_val_predict(
            CGCNNClassifier(conv=conv, max_epochs=20, batch_size=32, random_state=0),
            graphs[rows],
            classes,
            groups=crystals.groups[rows],
            cv=StratifiedGroupKFold(3),
        )
        for name, conv in networks.items()
    }


# %%
# Is an oxide a perovskite? Both networks are trained on crystals of all kinds, and
# tested on oxides. Here three elements in a ratio of 1 to 1 to 3 are always a
# perovskite: the formula decides, and the network of composition alone is the most
# accurate.
every = np.arange(len(prototype))
is_perovskite = np.where(prototype == "perovskite", "perovskite", "other")
oxides = np.array(["O" in crystal.composition for crystal in crystals.data])
results = {
    f"is an oxide a perovskite? ({oxides.sum()} oxides)": (
        is_perovskite[oxides],
        {k: v[oxides] for k, v in answers(every, is_perovskite).items()},
    )
}

# %%
# Which structure does a compound AB have? Here a formula may occur as rock salt, zinc
# blende or caesium chloride, or as all of them. Composition does not help: about one
# prediction in three is right. Neighbours do: an atom has six, four or eight.
of_two = np.flatnonzero(np.isin(prototype, ["rocksalt", "zincblende", "cscl"]))
results[f"which structure? ({len(of_two)} compounds AB)"] = (
    prototype[of_two],
    answers(of_two, prototype[of_two]),
)

# %%
# Confusion matrices: rows are true classes, columns predicted ones.
figure, axes = plt.subplots(2, 2, figsize=(8.5, 8), layout="constrained")
for row, (question, (truth, found)) in zip(axes, results.items(), strict=True):
    print(question)
    for axis, (name, answer) in zip(row, found.items(), strict=True):
        share = accuracy_score(truth, answer)
        print(f"    {name:12s} {share:.3f} right")
        ConfusionMatrixDisplay.from_predictions(
            truth, answer, ax=axis, cmap="Blues", colorbar=False
        )
        axis.set(xlabel="predicted", ylabel="prototype")
        axis.set_title(f"{question}\nby {name}: {share:.0%} right", fontsize=10)
(output := Path("demo-output")).mkdir(exist_ok=True)
figure.savefig(output / "prototypes.png", dpi=150)
print(f"\npicture: {output / 'prototypes.png'}")
