"""Jobs of matgl: its converter, and its MEGNet in two sizes."""

from functools import partial

import torch
from _worker import CUTOFF, N_BASIS, N_LAYERS, WIDTH, n_parameters, network_jobs, serve
from matgl.ext.pymatgen import Structure2Graph, get_element_list
from matgl.graph.data import collate_fn_graph
from matgl.models import MEGNet
from matgl.utils.training import ModelLightningModule
from pymatgen.core import Lattice, Structure

SIZES = {
    "MEGNet of width 64": {
        "dim_node_embedding": WIDTH,
        "dim_edge_embedding": N_BASIS,
        "nblocks": N_LAYERS,
        "hidden_layer_sizes_input": (WIDTH,),
        "hidden_layer_sizes_conv": (WIDTH,),
        "hidden_layer_sizes_output": (WIDTH,),
    },
    "MEGNet of its default size": {},
}


def make_jobs(crystals):
    """Build graphs and networks; it learns one label, the formation energy."""
    structures = [
        Structure(Lattice(lattice), numbers.tolist(), coords)
        for lattice, numbers, coords in zip(
            crystals.lattice, crystals.numbers, crystals.frac_coords, strict=True
        )
    ]
    elements = get_element_list(structures)
    convert = partial(_convert, Structure2Graph(elements, CUTOFF), structures)
    labels = crystals.labels[:, 0]
    items = [
        (graph, lattice, torch.as_tensor(state), {"label": label})
        for (graph, lattice, state), label in zip(
            convert(), labels.tolist(), strict=True
        )
    ]
    jobs, parameters = {"graphs": convert}, {}
    for name, size in SIZES.items():
        network = MEGNet(element_types=elements, cutoff=CUTOFF, **size)
        module = ModelLightningModule(network)
        answer = partial(_answer, module, items)
        jobs |= network_jobs(name, network, answer, labels, crystals.batches)
        parameters[name] = n_parameters(network)
    return jobs, sum(item[0].num_edges for item in items), parameters


def _convert(converter, structures):
    return [converter.get_graph(structure) for structure in structures]


def _answer(module, items, rows):
    graph, lattice, state, _ = collate_fn_graph([items[row] for row in rows])
    return module(graph, lattice, state_attr=state)


if __name__ == "__main__":
    serve(["matgl", "torch", "torch-geometric", "numpy"], make_jobs)
