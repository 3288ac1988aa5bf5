"""Jobs of ALIGNN, its variant without DGL: its graphs, and networks of two kinds."""

from functools import partial

import torch
from _worker import CUTOFF, N_BASIS, N_LAYERS, WIDTH, n_parameters, network_jobs, serve
from alignn.models.alignn_atomwise_pure import (
    ALIGNNAtomWisePure,
    ALIGNNAtomWisePureConfig,
)
from alignn.pure_lmdb_dataset import PureTorchLMDBDataset
from alignn.torch_graph_builder import build_pure_torch_graph
from jarvis.core.atoms import Atoms
from jarvis.core.specie import atomic_numbers_to_symbols

ANGLE_CUTOFF = 3.5  # Å, its default: all angles at 5 Å would fill the memory
LAYERS = {
    "ALIGNN": {"alignn_layers": N_LAYERS - 1, "gcn_layers": 1},
    "ALIGNN without angles": {"alignn_layers": 0, "gcn_layers": N_LAYERS},
}


def make_jobs(crystals):
    """Build graphs with angles and without, and a network for each."""
    atoms = [
        Atoms(
            lattice_mat=lattice,
            coords=coords,
            elements=atomic_numbers_to_symbols(numbers.tolist()),
            cartesian=False,
        )
        for lattice, numbers, coords in zip(
            crystals.lattice, crystals.numbers, crystals.frac_coords, strict=True
        )
    ]
    with_angles, without = (partial(_convert, atoms, angles) for angles in (1, 0))
    graphs = {"ALIGNN": with_angles(), "ALIGNN without angles": without()}
    jobs, parameters = {"graphs": without, "graphs with angles": with_angles}, {}
    for name, layers in LAYERS.items():
        network = ALIGNNAtomWisePure(_config(**layers))
        answer = _answer if name == "ALIGNN" else _answer_without_angles
        items = [
            (*graph, torch.from_numpy(lattice).float(), label)
            for graph, lattice, label in zip(
                graphs[name], crystals.lattice, crystals.labels, strict=True
            )
        ]
        answer = partial(answer, network, items)
        jobs |= network_jobs(name, network, answer, crystals.labels, crystals.batches)
        parameters[name] = n_parameters(network)
    n_edges = sum(graph.num_edges for (graph,) in graphs["ALIGNN without angles"])
    return jobs, n_edges, parameters


def _config(**layers):
    """Make a network of properties, without the forces that are its default."""
    return ALIGNNAtomWisePureConfig(
        name="alignn_atomwise_pure",
        atom_input_features=92,  # those of CGCNN
        edge_input_features=N_BASIS,
        embedding_features=WIDTH,
        hidden_features=WIDTH,
        output_features=2,
        calculate_gradient=False,
        gradwise_weight=0.0,
        energy_mult_natoms=False,
        use_penalty=False,
        lg_on_fly=False,  # cosines are in the graphs already
        **layers,
    )


def _convert(atoms, angles):
    graphs = (
        build_pure_torch_graph(
            crystal,
            two_body_cutoff=CUTOFF,
            three_body_cutoff=ANGLE_CUTOFF,
            compute_line_graph=bool(angles),
        )
        for crystal in atoms
    )
    return [graph if angles else (graph,) for graph in graphs]


def _answer(network, items, rows):
    batch = PureTorchLMDBDataset.collate_line_graph([items[row] for row in rows])
    return network(batch[:3])["out"]


def _answer_without_angles(network, items, rows):
    graph, lattice, _ = PureTorchLMDBDataset.collate([items[row] for row in rows])
    # The network wants a graph of angles even where no layer uses it.
    return network((graph, graph, lattice))["out"]


if __name__ == "__main__":
    serve(["alignn", "torch", "jarvis-tools", "matscipy", "numpy"], make_jobs)
