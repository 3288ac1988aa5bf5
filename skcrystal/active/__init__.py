"""Active learning: which crystals to compute next."""

from ._compare import average_seeds, compare_strategies, labels_saved
from ._learner import ActiveLearner, CommitteeRegressor
from ._oracles import CalculatorOracle, SimulatedOracle
from ._plot_labels import plot_parity, plot_queried
from ._plots import plot_disagreement, plot_learning_curves
from .campaign._campaign import ActiveLearningCampaign
from .strategies._exploration import (
    diverse_max_std,
    k_center,
    largest_cluster,
    max_std,
    random_sampling,
)
from .strategies._optimization import (
    expected_improvement,
    target_window,
    upper_confidence_bound,
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
