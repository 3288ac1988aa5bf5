"""Jobs of SchNetPack: its neighbour lists, and its SchNet."""

from functools import partial
from typing import TypeVar

import torch
from ase import Atoms
from torch.utils.data import dataloader

# SchNetPack 2.1.1 imports this name for a type hint; torch 2.13 has it no longer.
dataloader.T_co = TypeVar("T_co")

from _worker import (  # noqa: E402
    CUTOFF,
    N_BASIS,
    N_LAYERS,
    WIDTH,
    n_parameters,
    network_jobs,
    serve,
)
from schnetpack import properties  # noqa: E402
from schnetpack.atomistic import Atomwise, PairwiseDistances  # noqa: E402
from schnetpack.data.loader import _atoms_collate_fn  # noqa: E402
from schnetpack.model import NeuralNetworkPotential  # noqa: E402
from schnetpack.nn import CosineCutoff, GaussianRBF  # noqa: E402
from schnetpack.representation import SchNet  # noqa: E402
from schnetpack.transform import CastTo32, MatScipyNeighborList  # noqa: E402

TARGETS = ["formation_energy_per_atom", "band_gap"]


def make_jobs(crystals):
    """Build neighbour lists and the network, with a head for each target."""
    atoms = [
        Atoms(numbers, scaled_positions=coords, cell=lattice, pbc=True)
        for lattice, numbers, coords in zip(
            crystals.lattice, crystals.numbers, crystals.frac_coords, strict=True
        )
    ]
    convert = partial(_convert, [MatScipyNeighborList(CUTOFF), CastTo32()], atoms)
    items = convert()
    network = NeuralNetworkPotential(
        SchNet(WIDTH, N_LAYERS, GaussianRBF(N_BASIS, CUTOFF), CosineCutoff(CUTOFF)),
        input_modules=[PairwiseDistances()],
        output_modules=[
            Atomwise(WIDTH, n_hidden=WIDTH, aggregation_mode="avg", output_key=target)
            for target in TARGETS
        ],
    )
    answer = partial(_answer, network, items)
    jobs = network_jobs("SchNet", network, answer, crystals.labels, crystals.batches)
    n_edges = sum(len(item[properties.idx_i]) for item in items)
    return {"graphs": convert, **jobs}, n_edges, {"SchNet": n_parameters(network)}


def _convert(transforms, atoms):
    return [_item(transforms, index, crystal) for index, crystal in enumerate(atoms)]


def _item(transforms, index, atoms):
    item = {
        properties.idx: torch.tensor([index]),
        properties.n_atoms: torch.tensor([len(atoms)]),
        properties.Z: torch.from_numpy(atoms.numbers),
        properties.R: torch.from_numpy(atoms.positions),
        properties.cell: torch.from_numpy(atoms.cell.array).view(1, 3, 3),
        properties.pbc: torch.from_numpy(atoms.pbc).view(1, 3),
    }
    for transform in transforms:
        item = transform(item)
    return item


def _answer(network, items, rows):
    predictions = network(_atoms_collate_fn([items[row] for row in rows]))
    return torch.stack([predictions[target] for target in TARGETS], dim=1)


if __name__ == "__main__":
    serve(["schnetpack", "torch", "ase", "matscipy", "numpy"], make_jobs)
