"""The lists of estimators that every common test runs over."""

from skcrystal import (
    AngularCoGNClassifier,
    AngularCoGNRegressor,
    CGCNNClassifier,
    CGCNNRegressor,
    CoGNClassifier,
    CoGNRegressor,
    CrystalGraphTransformer,
    DimeNetPlusPlusClassifier,
    DimeNetPlusPlusRegressor,
    EdgeGCNClassifier,
    EdgeGCNRegressor,
    EGATClassifier,
    EGATRegressor,
    EGNNClassifier,
    EGNNRegressor,
    GCNClassifier,
    GCNRegressor,
    LocalMLPClassifier,
    LocalMLPRegressor,
    MEGNetClassifier,
    MEGNetRegressor,
    MGCNClassifier,
    MGCNRegressor,
    MPNNClassifier,
    MPNNRegressor,
    MTCGCNNRegressor,
    SchNetClassifier,
    SchNetRegressor,
    SymGNNClassifier,
    SymGNNRegressor,
)

# Small and quick: these tests ask for correctness, not for accuracy.
QUICK = {"hidden_dim": 8, "n_layers": 2, "max_epochs": 2, "random_state": 0}

MODELS = [
    AngularCoGNRegressor(**QUICK, edge_dim=8, n_channels=4),
    CGCNNRegressor(**QUICK),
    CoGNRegressor(**QUICK, edge_dim=8),
    DimeNetPlusPlusRegressor(**QUICK, n_spherical=3, triplet_dim=8),
    EdgeGCNRegressor(**QUICK),
    EGATRegressor(**QUICK, edge_dim=8),
    EGNNRegressor(**QUICK),
    EGNNRegressor(**QUICK, update_positions=True),
    GCNRegressor(**QUICK),
    LocalMLPRegressor(**QUICK, n_basis=16, n_channels=4),
    MEGNetRegressor(**QUICK),
    MGCNRegressor(**QUICK),
    MPNNRegressor(**QUICK, edge_dim=8),
    MTCGCNNRegressor(**QUICK),
    SchNetRegressor(**QUICK),
    SymGNNRegressor(**QUICK),
]

CLASSIFIERS = [
    AngularCoGNClassifier(**QUICK, edge_dim=8, n_channels=4),
    CGCNNClassifier(**QUICK),
    CoGNClassifier(**QUICK, edge_dim=8),
    DimeNetPlusPlusClassifier(**QUICK, n_spherical=3, triplet_dim=8),
    EdgeGCNClassifier(**QUICK),
    EGATClassifier(**QUICK, edge_dim=8),
    EGNNClassifier(**QUICK),
    GCNClassifier(**QUICK),
    LocalMLPClassifier(**QUICK, n_basis=16, n_channels=4),
    MEGNetClassifier(**QUICK),
    MGCNClassifier(**QUICK),
    MPNNClassifier(**QUICK, edge_dim=8),
    SchNetClassifier(**QUICK),
    SymGNNClassifier(**QUICK),
]

# Averages over finitely many transformations leave something of orientation.
INVARIANT_IN_EXPECTATION = (SymGNNClassifier, SymGNNRegressor)


def transformer_for(model, **parameters):
    """Transformer to graphs that a model can read: with vectors only if it does."""
    if not model._reads_merged:
        parameters["reduce"] = None
    return CrystalGraphTransformer(vectors=model._needs_vectors, **parameters)


def without_chance(model):
    """The model with no transformations drawn: equal crystals then train it equally."""
    if "transformations" in model.get_params():
        model.set_params(transformations=None)
    return model
