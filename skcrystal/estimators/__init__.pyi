from ._augmented import AugmentedRegressor as AugmentedRegressor
from ._base import GNNEstimator as GNNEstimator
from ._classifier import GNNClassifier as GNNClassifier
from ._ensemble import EnsembleRegressor as EnsembleRegressor
from ._regressor import GNNRegressor as GNNRegressor
from .architectures import *
from .saving._save import load_pretrained as load_pretrained
