"""Networks on quotient graphs give the outputs of the full graphs."""

from functools import cache

import numpy as np
import pytest
import torch
from crystals import LATTICE_SYSTEMS, crystal_of
from networks import NETWORKS, READ_EVERY_SITE, READ_VECTORS, REPRESENTATIVES

from skcrystal import CrystalGraphTransformer
from skcrystal.nn import GraphStore

KINDS = {
    "5 Å": {},
    "12 neighbours": {"cutoff": 8.0, "max_neighbors": 12},
    "vectors to 5 Å": {"vectors": True},
    "vectors to whole shells": {
        "cutoff": 8.0,
        "max_neighbors": 12,
        "whole_shells": True,
        "vectors": True,
    },
}
NAMES_AND_KINDS = [
    (name, kind)
    for kind, parameters in KINDS.items()
    for name in NETWORKS
    if name not in READ_EVERY_SITE
    if "vectors" in parameters or name not in READ_VECTORS
]
# Dropout and pooling are shared code: combinations of them ask only a few networks.
CASES = [(name, kind, 0.3, "mean") for name, kind in NAMES_AND_KINDS] + [
    (name, kind, dropout_conv, pooling)
    for name, kind in NAMES_AND_KINDS
    if name in REPRESENTATIVES
    for dropout_conv, pooling in [(0.0, "mean"), (0.0, "sum"), (0.3, "sum")]
]


@cache
def batches_of(kind):
    """The same crystals on every site, and merged."""
    crystals = [crystal_of(system) for system in LATTICE_SYSTEMS]
    crystals += [crystals[0] * (2, 1, 1)]
    transformers = (
        CrystalGraphTransformer(reduce=reduce, **KINDS[kind])
        for reduce in (None, "symmetry")
    )
    graphs = [transformer.transform(crystals) for transformer in transformers]
    assert len(graphs[1].neighbor) < len(graphs[0].neighbor) / 3
    rows = np.arange(len(crystals))
    return [GraphStore.of(g, "cpu").gather(rows) for g in graphs]


@pytest.mark.parametrize(("name", "kind", "dropout_conv", "pooling"), CASES)
def test_predictions_and_gradients_agree_in_every_lattice_system(
    name, kind, dropout_conv, pooling
):
    torch.manual_seed(0)
    network = NETWORKS[name](pooling=pooling, dropout_conv=dropout_conv)
    outputs, gradients = [], []
    for batch in batches_of(kind):
        network.zero_grad()
        torch.manual_seed(1)  # drops the same of both
        output = network(batch)
        # A sum of squares would not show errors that cancel between crystals.
        (
            output * torch.arange(1.0, 1 + output.numel()).view_as(output)
        ).sum().backward()
        outputs.append(output.detach())
        gradients.append({n: p.grad for n, p in network.named_parameters()})
    torch.testing.assert_close(*outputs, atol=1e-5, rtol=0)
    # Beside the largest of all: by symmetry, that of a parameter may be zero.
    largest = max(full.abs().max() for full in gradients[0].values())
    for parameter in gradients[0]:
        full, merged = (g[parameter] for g in gradients)
        assert (full - merged).abs().max() <= 1e-4 * largest, parameter
