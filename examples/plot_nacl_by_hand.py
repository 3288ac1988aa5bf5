"""
Rock salt through a crystal graph network, by hand
==================================================

Follow NaCl from its structure to one vector: atoms, graph, distances, a convolution
worked out in numpy, and the mean over atoms.
"""

# %%
# **Atoms.** Each element has a vector of known properties, standardised over all
# elements (electronegativity, radii, ...), and of its place in the periodic table.
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from pymatgen.core import Lattice, Structure

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import CGCNN, GraphStore, cosine_cutoff, element_features

for symbol, z in {"Na": 11, "Cl": 17}.items():
    print(symbol, element_features()[z, :4].round(2), "and 33 more")

# %%
# **Graph.** Edges join atoms within the cutoff; by symmetry two atoms represent all 8.
cutoff, sites = 5.0, [[0, 0, 0], [0.5, 0.5, 0.5]]
salt = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], sites)
for reduce in (None, "symmetry"):
    graph = CrystalGraphTransformer(cutoff=cutoff, reduce=reduce).transform([salt])
    print(f"reduce={reduce}: {graph.n_atoms[0]} atoms, {graph.n_edges[0]} edges")
of_na = slice(*graph.edge_ptr[:2])
lengths, counts = graph.distance[of_na], graph.edge_multiplicity[of_na]
is_na = graph.atomic_numbers[graph.neighbor[of_na]] == 11
shells = [f"{n} {'Na' if na else 'Cl'}" for n, na in zip(counts, is_na, strict=True)]
for shell, length in zip(shells, lengths, strict=True):
    print(f"Na has {shell} at {length:.3f} Å")

# %%
# **Network.** Untrained, with one convolution. Atom features x are a linear map of the
# element vectors; features u of a distance are Gaussians 0.2 Å apart.
torch.manual_seed(0)
sizes = {"n_basis": 26, "n_layers": 1, "hidden_dim": 16, "n_targets": 1, "dropout": 0}
network = CGCNN(cutoff=cutoff, pooling="mean", **sizes).eval().requires_grad_(False)
x = {s: network.elements(torch.tensor(z)).numpy() for s, z in [("Na", 11), ("Cl", 17)]}
W, b = (parameter.numpy() for parameter in network.convolutions[0].joint.parameters())
centers = np.linspace(0, cutoff, 26)


# %%
# **Convolution.** A neighbour adds ``sigmoid(f) * softplus(s)``, f and s linear in
# ``[x_i, x_j, u_ij]``, times an envelope. Here pymatgen finds all 26.
def convolve(site):
    total, i = np.zeros(16), site.species_string
    for neighbor in salt.get_neighbors(site, cutoff):
        d, j = neighbor.nn_distance, neighbor.species_string
        u = np.exp(-(((d - centers) / 0.2) ** 2))
        f, s = np.split(W @ [*x[i], *x[j], *u] + b, 2)
        envelope = (np.cos(np.pi * d / cutoff) + 1) / 2
        total += envelope * np.log1p(np.exp(s)) / (1 + np.exp(-f))
    return total


by_hand = np.array([convolve(site) for site in salt])
batch = GraphStore.of(graph).gather(np.array([0]))
bond = network.basis(batch.distances)
envelope = cosine_cutoff(batch.distance, cutoff)
atoms = network.elements(batch.atomic_numbers)
layer = network.convolutions[0](atoms, bond, batch, envelope).numpy()[graph.site_atom]

# %%
# **Pooling.** Messages are normalised, pass a SiLU, and are added to the atom features.
# The crystal is the mean over its atoms, weighted by multiplicity.
centred = by_hand - by_hand.mean(axis=1, keepdims=True)
normed = centred / np.sqrt(by_hand.var(axis=1, keepdims=True) + 1e-5)
after = [x[site.species_string] for site in salt] + normed / (1 + np.exp(-normed))
pooled = after.mean(axis=0) - network.embed(batch).numpy()[0]
off = abs(by_hand - layer).max(), abs(pooled).max()
print("largest differences: convolution {:.0e}, crystal {:.0e}".format(*off))
assert max(off) < 1e-5

# %%
# Neighbours of sodium, their bond features, and the message to sodium.
figure, axes = plt.subplots(1, 3, figsize=(12, 3.8), layout="constrained")
colors = np.where(is_na, "#E69F00", "#0072B2")
axes[0].bar_label(axes[0].bar(lengths, counts, width=0.2, color=colors), shells)
for shell, color, marker, u in zip(shells, colors, "s^o", bond, strict=True):
    axes[1].plot(centers, u, marker=marker, color=color, label=shell)
axes[2].plot(layer[0], "o", color="0.7", markersize=10, label="layer, 3 merged edges")
axes[2].plot(by_hand[0], "x", color="k", label="by hand, 26 neighbours")
axes[0].set(xlabel="distance (Å)", ylabel="neighbours of Na", xlim=(0, 6), ylim=(0, 13))
axes[1].set(xlabel="centre of Gaussian (Å)", ylabel="bond feature u")
axes[2].set(xlabel="feature", ylabel="message to Na", xticks=range(0, 16, 3))
axes[1].legend()
axes[2].legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize=8)
(output := Path("demo-output")).mkdir(exist_ok=True)
figure.savefig(output / "nacl-by-hand.png", dpi=130)
print(f"picture: {output / 'nacl-by-hand.png'}")
