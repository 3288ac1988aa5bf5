"""Our networks, and the same out of PyTorch Geometric's own layers.

Elements are embedded alike, so that what differs is what happens between atoms.
"""

from functools import partial

import torch
from torch import nn
from torch.nn import functional as F
from torch_geometric.nn import CGConv, GATv2Conv, GCNConv, global_mean_pool
from torch_geometric.nn.models.schnet import GaussianSmearing, InteractionBlock

from skcrystal import nn as ours

N_TARGETS = 2
_WIDTH, _N_LAYERS, _N_HEADS = 64, 3, 4
_N_BASIS = {"CGCNN": 41, "SchNet": 50, "MEGNet": 50}  # the regressors' defaults


class PlainNetwork(nn.Module):
    """Embedding, message passing, mean over atoms, head."""

    def __init__(self, make_layer, n_targets=N_TARGETS):
        super().__init__()
        self.elements = ours.ElementEmbedding(_WIDTH)
        self.layers = nn.ModuleList(make_layer() for _ in range(_N_LAYERS))
        self.head = nn.Sequential(
            nn.Linear(_WIDTH, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, n_targets)
        )

    def forward(self, batch):
        x = global_mean_pool(self.atoms(batch), batch.batch, batch.num_graphs)
        return self.head(x)


class PlainCGCNN(PlainNetwork):
    """PyG's gated convolutions; batch norm has the size of our layer norm."""

    def __init__(self, cutoff, n_basis, n_targets=N_TARGETS):
        super().__init__(lambda: CGConv(_WIDTH, n_basis, batch_norm=True), n_targets)
        self.basis = GaussianSmearing(0.0, cutoff, n_basis)

    def atoms(self, batch):
        x, bond = self.elements(batch.z), self.basis(batch.distance)
        for layer in self.layers:
            x = F.softplus(layer(x, batch.edge_index, bond))
        return x


class PlainSchNet(PlainNetwork):
    """PyG's interaction blocks, on edges that are there already."""

    def __init__(self, cutoff, n_basis):
        super().__init__(lambda: InteractionBlock(_WIDTH, n_basis, _WIDTH, cutoff))
        self.basis = GaussianSmearing(0.0, cutoff, n_basis)

    def atoms(self, batch):
        x, bond = self.elements(batch.z), self.basis(batch.distance)
        for layer in self.layers:
            x = x + layer(x, batch.edge_index, batch.distance, bond)
        return x


class PlainMEGNet(PlainNetwork):
    """PyG's GATv2 attention in residual blocks, between encoded atoms and bonds."""

    def __init__(self, cutoff, n_basis):
        super().__init__(_AttentionBlock)
        self.basis = GaussianSmearing(0.0, cutoff, n_basis)
        self.encode_atom = _two_layers(_WIDTH)
        self.encode_bond = _two_layers(n_basis)

    def atoms(self, batch):
        x = self.encode_atom(self.elements(batch.z))
        bond = self.encode_bond(self.basis(batch.distance))
        for layer in self.layers:
            x = layer(x, batch.edge_index, bond)
        return x


class PlainGCN(PlainNetwork):
    """PyG's graph convolutions, neighbours weighed by distance as ours are."""

    def __init__(self, cutoff):
        super().__init__(lambda: GCNConv(_WIDTH, _WIDTH))
        self.cutoff = cutoff

    def atoms(self, batch):
        x, weight = self.elements(batch.z), _cosine(batch.distance, self.cutoff)
        for layer in self.layers:
            x = F.relu(layer(x, batch.edge_index, weight))
        return x


class _AttentionBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.before_attention = nn.LayerNorm(_WIDTH)
        self.attention = GATv2Conv(
            _WIDTH,
            _WIDTH // _N_HEADS,
            heads=_N_HEADS,
            edge_dim=_WIDTH,
            add_self_loops=False,
        )
        self.before_update = nn.LayerNorm(_WIDTH)
        self.update = _two_layers(_WIDTH)

    def forward(self, x, edge_index, bond):
        x = x + self.attention(self.before_attention(x), edge_index, bond)
        return x + self.update(self.before_update(x))


def _two_layers(n_in):
    return nn.Sequential(nn.Linear(n_in, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, _WIDTH))


def _cosine(distance, cutoff):
    return 0.5 * (torch.cos(distance.clamp(max=cutoff) * (torch.pi / cutoff)) + 1.0)


_shared = {
    "hidden_dim": _WIDTH,
    "n_layers": _N_LAYERS,
    "n_targets": N_TARGETS,
    "dropout": 0.0,
    "pooling": "mean",
}
NETWORKS = {
    "CGCNN": (
        partial(ours.CGCNN, n_basis=_N_BASIS["CGCNN"], **_shared),
        partial(PlainCGCNN, n_basis=_N_BASIS["CGCNN"]),
    ),
    "SchNet": (
        partial(ours.SchNet, n_basis=_N_BASIS["SchNet"], **_shared),
        partial(PlainSchNet, n_basis=_N_BASIS["SchNet"]),
    ),
    "MEGNet": (
        partial(ours.MEGNet, n_basis=_N_BASIS["MEGNet"], n_heads=_N_HEADS, **_shared),
        partial(PlainMEGNet, n_basis=_N_BASIS["MEGNet"]),
    ),
    "GCN": (partial(ours.GCN, edge_weight="distance", **_shared), PlainGCN),
}


def pair(name, cutoff):
    """Build our network and its plain peer for graphs that reach `cutoff` Å."""
    return tuple(make(cutoff=cutoff) for make in NETWORKS[name])


def n_parameters(network):
    """Count the trained numbers of a network."""
    return sum(p.numel() for p in network.parameters())
