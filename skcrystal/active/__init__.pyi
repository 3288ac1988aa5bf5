from ._compare import (
    average_seeds as average_seeds,
    compare_strategies as compare_strategies,
    labels_saved as labels_saved,
)
from ._learner import (
    ActiveLearner as ActiveLearner,
    CommitteeRegressor as CommitteeRegressor,
)
from ._oracles import (
    CalculatorOracle as CalculatorOracle,
    SimulatedOracle as SimulatedOracle,
)
from ._plot_labels import plot_parity as plot_parity, plot_queried as plot_queried
from ._plots import (
    plot_disagreement as plot_disagreement,
    plot_learning_curves as plot_learning_curves,
)
from .campaign._campaign import ActiveLearningCampaign as ActiveLearningCampaign
from .strategies._exploration import (
    diverse_max_std as diverse_max_std,
    k_center as k_center,
    largest_cluster as largest_cluster,
    max_std as max_std,
    random_sampling as random_sampling,
)
from .strategies._optimization import (
    expected_improvement as expected_improvement,
    target_window as target_window,
    upper_confidence_bound as upper_confidence_bound,
)
