from . import (
    active,
    datasets,
    estimators,
    graphs,
    inspection,
    model_selection,
    nn,
    pretrained,
    uncertainty,
)
from ._version import __version__ as __version__
from .active import (
    ActiveLearner as ActiveLearner,
    ActiveLearningCampaign as ActiveLearningCampaign,
)
from .estimators import (
    AugmentedRegressor as AugmentedRegressor,
    EnsembleRegressor as EnsembleRegressor,
    GNNClassifier as GNNClassifier,
    GNNRegressor as GNNRegressor,
    load_pretrained as load_pretrained,
)
from .estimators.architectures import *
from .graphs import (
    CrystalGraphs as CrystalGraphs,
    CrystalGraphTransformer as CrystalGraphTransformer,
)
from .pretrained import predict as predict
from .uncertainty import (
    CalibratedRegressor as CalibratedRegressor,
    uncertainty_metrics as uncertainty_metrics,
)
