"""The lists of estimators that every common test runs over."""

from skcrystal import (
    AngularCoGNClassifier,
    AngularCoGNRegressor,
    CGCNNClassifier,
    CGCNNRegressor,
    CoGNClassifier,
    CoGNRegressor,
    CrystalGraphTransformer,
    GCNClassifier,
    GCNRegressor,
    MEGNetClassifier,
    MEGNetRegressor,
    MTCGCNNRegressor,
    SchNetClassifier,
    SchNetRegressor,
)

# Small and quick: these tests ask for correctness, not for accuracy.
QUICK = {"hidden_dim": 8, "n_layers": 2, "max_epochs": 2, "random_state": 0}

MODELS = [
    AngularCoGNRegressor(**QUICK, edge_dim=8, n_channels=4),
    CGCNNRegressor(**QUICK),
    CoGNRegressor(**QUICK, edge_dim=8),
    GCNRegressor(**QUICK),
    MEGNetRegressor(**QUICK),
    MTCGCNNRegressor(**QUICK),
    SchNetRegressor(**QUICK),
]

CLASSIFIERS = [
    AngularCoGNClassifier(**QUICK, edge_dim=8, n_channels=4),
    CGCNNClassifier(**QUICK),
    CoGNClassifier(**QUICK, edge_dim=8),
    GCNClassifier(**QUICK),
    MEGNetClassifier(**QUICK),
    SchNetClassifier(**QUICK),
]


def transformer_for(model, **parameters):
    """Transformer to graphs that a model can read: with vectors only if it does."""
    return CrystalGraphTransformer(vectors=model._needs_vectors, **parameters)
