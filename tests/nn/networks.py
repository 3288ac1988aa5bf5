"""Networks that the common tests run over."""

from skcrystal.nn import (
    CGCNN,
    EGAT,
    EGNN,
    GCN,
    MGCN,
    MPNN,
    AngularCoGN,
    CoGN,
    DimeNetPlusPlus,
    EdgeGCN,
    LocalMLP,
    MEGNet,
    SchNet,
    SymGNN,
)

HIDDEN, BASIS, CUTOFF = 8, 12, 5.0
SHARED = {"hidden_dim": HIDDEN, "n_targets": 2, "dropout": 0.0, "n_layers": 2}
EDGES = {"cutoff": CUTOFF, "n_basis": BASIS, "edge_dim": 8}
DRAWN = {"n_heads": 2, "n_transformations": 4, "n_predict_transformations": 12}
NETWORKS = {
    "AngularCoGN": lambda **k: AngularCoGN(
        n_channels=4, l_max=3, **EDGES, **SHARED, **k
    ),
    "CoGN": lambda **k: CoGN(**EDGES, **SHARED, **k),
    "CGCNN": lambda **k: CGCNN(cutoff=CUTOFF, n_basis=BASIS, **SHARED, **k),
    "CGCNN shared": lambda **k: CGCNN(
        cutoff=CUTOFF, n_basis=BASIS, conv="shared", **SHARED, **k
    ),
    "CGCNN by task": lambda **k: CGCNN(
        cutoff=CUTOFF, n_basis=BASIS, task_layers=2, **SHARED, **k
    ),
    "EdgeGCN": lambda **k: EdgeGCN(cutoff=CUTOFF, n_basis=BASIS, **SHARED, **k),
    "EGAT": lambda **k: EGAT(n_heads=2, edge_values=True, **EDGES, **SHARED, **k),
    "EGNN": lambda **k: EGNN(cutoff=CUTOFF, update_positions=False, **SHARED, **k),
    "EGNN that moves atoms": lambda **k: EGNN(
        cutoff=CUTOFF, update_positions=True, **SHARED, **k
    ),
    "LocalMLP": lambda **k: LocalMLP(
        cutoff=CUTOFF, n_basis=BASIS, n_channels=3, **SHARED, **k
    ),
    "DimeNetPlusPlus": lambda **k: DimeNetPlusPlus(
        cutoff=CUTOFF, n_radial=4, n_spherical=3, triplet_dim=6, **SHARED, **k
    ),
    "MGCN": lambda **k: MGCN(cutoff=CUTOFF, n_basis=BASIS, **SHARED, **k),
    "MPNN": lambda **k: MPNN(cutoff=CUTOFF, n_basis=BASIS, edge_dim=4, **SHARED, **k),
    "SchNet": lambda **k: SchNet(cutoff=CUTOFF, n_basis=BASIS, **SHARED, **k),
    "SymGNN": lambda **k: SymGNN(
        cutoff=CUTOFF,
        edge_values=True,
        transformations="haar",
        **DRAWN,
        **SHARED,
        **k,
    ),
    "SymGNN learned": lambda **k: SymGNN(
        cutoff=CUTOFF,
        edge_values=False,
        transformations="learned",
        **DRAWN,
        **SHARED,
        **k,
    ),
    "MEGNet": lambda **k: MEGNet(
        cutoff=CUTOFF, n_basis=BASIS, n_heads=2, **SHARED, **k
    ),
    "GCN": lambda **k: GCN(cutoff=CUTOFF, edge_weight="distance", **SHARED, **k),
    "GCN uniform": lambda **k: GCN(cutoff=CUTOFF, edge_weight="uniform", **SHARED, **k),
}
READ_VECTORS = {"AngularCoGN", "SymGNN", "SymGNN learned"}
# Not exact on merged atoms, and never given them.
READ_EVERY_SITE = {
    "DimeNetPlusPlus",
    "EGNN that moves atoms",
    "SymGNN",
    "SymGNN learned",
}
