"""Probes of the inputs that a network depends on."""

from dataclasses import replace

import numpy as np
import torch
from pymatgen.core import Lattice, Structure

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import GraphStore

_SPACING = 2.0  # Å


def batch_of(structures, **parameters):
    """Batch of crystals on every site, with vectors."""
    transformer = CrystalGraphTransformer(reduce=None, vectors=True, **parameters)
    graphs = transformer.transform(structures)
    return GraphStore.of(graphs, "cpu").gather(np.arange(len(structures)))


def reach(network, n_atoms=9):
    """How many bonds away an atom of a chain still changes the first one's features.

    The network's cutoff must be between one and two spacings of 2 Å. A chain of zigzag
    shape, for in a straight one some angles tell nothing.
    """
    cell = Lattice.cubic(_SPACING * n_atoms + 20.0)
    x = _SPACING * 0.9 * np.arange(n_atoms)
    y = _SPACING * 0.19**0.5 * (np.arange(n_atoms) % 2)
    places = np.stack([x, y, np.zeros(n_atoms)], axis=1)

    def first(elements):
        chain = Structure(cell, elements, places, coords_are_cartesian=True)
        batch = batch_of([chain], cutoff=1.25 * _SPACING)
        assert len(batch.target) == 2 * (n_atoms - 1)
        return network.atoms(batch)[0]

    plain = first(["Cu"] * n_atoms)
    changed = []
    for other in range(n_atoms):
        elements = ["Zr" if i == other else "Cu" for i in range(n_atoms)]
        change = (first(elements) - plain).abs().max()
        changed.append(change.item() > 1e-6 * plain.abs().max().item())
    furthest = max(np.flatnonzero(changed))
    assert all(changed[: furthest + 1])
    return furthest


def without(batch, edge):
    """The same batch with one edge of weight zero, and with one edge less."""
    weight = torch.ones(len(batch.target))
    weight[edge] = 0
    kept = torch.arange(len(batch.target)) != edge
    after = torch.arange(len(batch.edge_ptr)) > batch.target[edge]
    columns = ("target", "neighbor", "distance_class", "vector")
    fewer = {name: getattr(batch, name)[kept] for name in columns}
    edge_ptr = batch.edge_ptr - after.int()
    return replace(batch, edge_weight=weight), replace(
        batch, edge_ptr=edge_ptr, **fewer
    )
