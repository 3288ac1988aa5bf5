"""Networks that the common tests run over.

An architecture is in ``NETWORKS`` as soon as an exported estimator has it. What no
architecture has a part in is tested on ``REPRESENTATIVES``: all architectures with one
setting, a few with every setting.
"""

import functools
import inspect

from skcrystal import estimators, nn

HIDDEN, BASIS, CUTOFF = 8, 12, 5.0
SHARED = {"hidden_dim": HIDDEN, "n_targets": 2, "dropout": 0.0, "n_layers": 2}

# Small values of the other required parameters of networks.
QUICK = {
    "cutoff": CUTOFF,
    "n_basis": BASIS,
    "edge_dim": 8,
    "edge_values": True,
    "edge_weight": "distance",
    "l_max": 3,
    "n_channels": 4,
    "n_heads": 2,
    "n_predict_transformations": 12,
    "n_radial": 4,
    "n_spherical": 3,
    "n_transformations": 4,
    "transformations": "haar",
    "triplet_dim": 6,
    "update_positions": False,
}

# Parameters that make another kind of network, which is tested as well.
VARIANTS = {
    "CGCNN shared": {"conv": "shared"},
    "CGCNN by task": {"task_layers": 2},
    "EGNN that moves atoms": {"update_positions": True},
    "GCN uniform": {"edge_weight": "uniform"},
    "SymGNN learned": {"edge_values": False, "transformations": "learned"},
}

# Scalars; a head for each target; vectors of merged atoms; every site, and chance.
REPRESENTATIVES = ["CGCNN", "CGCNN by task", "AngularCoGN", "SymGNN"]

# The base class, and a network that is made for published weights alone.
_LEFT_OUT = {"CrystalNetwork", "PublishedCGCNN"}


def _subclasses(cls):
    return {cls}.union(*map(_subclasses, cls.__subclasses__()))


def _architectures():
    """All classes of networks in the package, by name."""
    for name in estimators.__all__:
        getattr(estimators, name)  # imports its network
    return {
        cls.__name__: cls
        for cls in sorted(_subclasses(nn.CrystalNetwork), key=lambda c: c.__name__)
        if cls.__module__.startswith("skcrystal.") and cls.__name__ not in _LEFT_OUT
    }


def _network_of(cls, **variant):
    """Constructor of a small network with the parameters of `cls`."""
    parameters = inspect.signature(cls).parameters
    quick = {name: value for name, value in QUICK.items() if name in parameters}
    return functools.partial(cls, **(SHARED | quick | variant))


def _estimator_of(name):
    """The regressor of a network of the list, which has its settings of graphs."""
    model = getattr(estimators, f"{name.split()[0]}Regressor")()
    known = model.get_params()
    variant = VARIANTS.get(name, {})
    return model.set_params(**{k: v for k, v in variant.items() if k in known})


_CLASSES = _architectures()
NETWORKS = {name: _network_of(cls) for name, cls in _CLASSES.items()}
for _name, _variant in VARIANTS.items():
    NETWORKS[_name] = _network_of(_CLASSES[_name.split()[0]], **_variant)

READ_VECTORS = {name for name in NETWORKS if _estimator_of(name)._needs_vectors}
# Not exact on merged atoms, and never given them.
READ_EVERY_SITE = {name for name in NETWORKS if not _estimator_of(name)._reads_merged}
