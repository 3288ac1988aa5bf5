"""The lists of estimators that common tests run over.

An architecture is in ``MODELS`` and ``CLASSIFIERS`` as soon as it is exported. Labels,
losses, schedules and the like never look at the architecture: they are tested on
``REPRESENTATIVES``. All architectures with one setting, a few with every setting.
"""

import inspect

import pytest

from skcrystal import (
    CrystalGraphTransformer,
    SymGNNClassifier,
    SymGNNRegressor,
    estimators,
)

# Small and quick: these tests ask for correctness, not for accuracy.
QUICK = {"hidden_dim": 8, "n_layers": 2, "max_epochs": 2, "random_state": 0}

# What makes an architecture quick beyond that.
QUICK_ARCHITECTURES = {
    "AngularCoGN": {"edge_dim": 8, "n_channels": 4},
    "CoGN": {"edge_dim": 8},
    "DimeNetPlusPlus": {"n_spherical": 3, "triplet_dim": 8},
    "EGAT": {"edge_dim": 8},
    "LocalMLP": {"n_basis": 16, "n_channels": 4},
    "MPNN": {"edge_dim": 8},
}

# Parameters that make another kind of network, which is tested as well.
VARIANTS = {
    "EGNNRegressor": {"update_positions": True},
    "MTCGCNNRegressor": {"sharing": "soft"},
}

# Scalars; a network for each target; vectors, and chance.
REPRESENTATIVE_NAMES = {
    "CGCNNClassifier",
    "CGCNNRegressor",
    "MTCGCNNRegressor-soft",
    "SymGNNClassifier",
    "SymGNNRegressor",
}


def name_of(model):
    """Name of an estimator in the output of tests."""
    name, chosen = type(model).__name__, []
    for parameter, value in VARIANTS.get(name, {}).items():
        if getattr(model, parameter) == value:
            chosen.append(value if isinstance(value, str) else parameter)
    return "-".join([name, *chosen])


def is_representative(model):
    """Whether an estimator is one of the few that are tested with every setting."""
    return name_of(model) in REPRESENTATIVE_NAMES


def models_of(role):
    """All exported estimators of an architecture, the representatives first.

    Pytest gathers tests by positions in lists of parameters, so that lists with the
    same beginning share fitted models.
    """
    base, models = getattr(estimators, f"GNN{role}"), []
    for name in estimators.__all__:
        cls = getattr(estimators, name)
        if not inspect.isclass(cls) or not issubclass(cls, base) or cls is base:
            continue
        quick = QUICK | QUICK_ARCHITECTURES.get(name.removesuffix(role), {})
        models.append(cls(**quick))
        if name in VARIANTS:
            models.append(cls(**quick, **VARIANTS[name]))
    return sorted(models, key=is_representative, reverse=True)


MODELS = models_of("Regressor")
CLASSIFIERS = models_of("Classifier")
REPRESENTATIVES = [model for model in MODELS if is_representative(model)]
REPRESENTATIVE_CLASSIFIERS = [m for m in CLASSIFIERS if is_representative(m)]

# Run a test with the representatives in place of all architectures.
representatives = pytest.mark.parametrize(
    "kind", REPRESENTATIVES, ids=name_of, indirect=True
)
# Where one is enough.
only_cgcnn = pytest.mark.parametrize(
    "kind", REPRESENTATIVES[:1], ids=name_of, indirect=True
)

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
