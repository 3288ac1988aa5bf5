"""
Rock salt through a crystal graph network, by hand
==================================================

Follow NaCl from its structure to one vector: atoms, distances, graph, a convolution
worked out in numpy, and the mean over atoms.
"""

# %%
# The conventional cell: four sodium and four chlorine atoms, 2.82 Å apart.
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import torch
from pymatgen.core import Lattice, Structure

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import CGCNN, GraphStore, element_features

CUTOFF = 5.0  # Å
salt = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
)

# %%
# **Atoms.** Each element has a vector of known properties, standardised over all
# elements, and of its place in the periodic table. Eight properties come first.
properties = [
    "electronegativity", "atomic radius", "van der Waals radius", "ionization energy",
    "electron affinity", "Mendeleev number", "molar volume", "mass",
]  # fmt: skip
table = {symbol: element_features()[z] for symbol, z in {"Na": 11, "Cl": 17}.items()}
for name, of_na, of_cl in zip(properties, *table.values(), strict=False):
    print(f"{name:21s} Na {of_na:+.2f}  Cl {of_cl:+.2f}")

# %%
# **Graph.** All neighbours within the cutoff, periodic images included: a cell of eight
# atoms gives each of them 26. By symmetry only two atoms differ, and three distances.
every = CrystalGraphTransformer(cutoff=CUTOFF, reduce=None).transform([salt])
graph = CrystalGraphTransformer(cutoff=CUTOFF).transform([salt])
print(f"\nall sites: {len(every.atomic_numbers)} atoms, {len(every.neighbor)} edges")
print(f"merged: {len(graph.atomic_numbers)} atoms, {len(graph.neighbor)} edges")
symbols = {11: "Na", 17: "Cl"}
of_first = slice(*graph.edge_ptr[:2])
center = symbols[graph.atomic_numbers[0]]
neighbors = [symbols[z] for z in graph.atomic_numbers[graph.neighbor[of_first]]]
lengths, counts = graph.distance[of_first], graph.edge_multiplicity[of_first]
for symbol, length, count in zip(neighbors, lengths, counts, strict=True):
    print(f"{center} has {count:2d} {symbol} at {length:.3f} Å")

# %%
# **Network.** Untrained, with a single convolution of 16 features.
torch.manual_seed(0)
network = CGCNN(
    cutoff=CUTOFF, n_basis=26, n_layers=1, hidden_dim=16, n_targets=1, dropout=0.0,
    pooling="mean",
).eval()  # fmt: skip
weights = {name: value.numpy() for name, value in network.state_dict().items()}
x = {  # A linear map brings the vectors of elements to the width of the network.
    symbol: weights["elements.of_features.weight"] @ vector
    + weights["elements.of_features.bias"]
    for symbol, vector in table.items()
}

# %%
# **Distances.** Gaussians 0.2 Å apart turn a distance into a smooth vector.
centers = np.linspace(0, CUTOFF, 26)


def expand(distance):
    return np.exp(-(((distance - centers) / 0.2) ** 2))


# %%
# **Convolution.** Each neighbour j of atom i sends ``sigmoid(f) * softplus(s)``, where f
# and s are linear in ``[x_i, x_j, u_ij]``, and which fades out towards the cutoff. We
# take all 26 neighbours, as pymatgen finds them.
def convolve(site):
    total = np.zeros(16)
    for neighbor in salt.get_neighbors(site, CUTOFF):
        d = neighbor.nn_distance
        z = np.concatenate([x[site.species_string], x[neighbor.species_string], expand(d)])
        joint = weights["convolutions.0.joint.weight"] @ z
        f, s = np.split(joint + weights["convolutions.0.joint.bias"], 2)
        fade = (np.cos(np.pi * d / CUTOFF) + 1) / 2
        total += fade * np.log1p(np.exp(s)) / (1 + np.exp(-f))
    return total
