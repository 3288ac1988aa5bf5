"""Active learning: which crystals to compute next."""

from ._campaign import ActiveLearningCampaign
from ._compare import compare_strategies
from ._learner import ActiveLearner, CommitteeRegressor
from ._oracles import CalculatorOracle, SimulatedOracle
from ._plot_labels import plot_parity, plot_queried
from ._plots import plot_disagreement, plot_learning_curves
from ._savings import average_seeds, labels_saved
from ._search import expected_improvement, target_window, upper_confidence_bound
from ._strategies import (
    diverse_max_std,
    k_center,
    largest_cluster,
    max_std,
    random_sampling,
)

__all__ = [
    "ActiveLearner",
    "ActiveLearningCampaign",
    "CalculatorOracle",
    "CommitteeRegressor",
    "SimulatedOracle",
    "average_seeds",
    "compare_strategies",
    "diverse_max_std",
    "expected_improvement",
    "k_center",
    "labels_saved",
    "largest_cluster",
    "max_std",
    "plot_disagreement",
    "plot_learning_curves",
    "plot_parity",
    "plot_queried",
    "random_sampling",
    "target_window",
    "upper_confidence_bound",
]
