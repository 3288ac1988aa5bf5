from ._explain import explain as explain
from ._explanation import CrystalExplanation as CrystalExplanation
from ._participation import (
    compare_cycles as compare_cycles,
    cycle_participation as cycle_participation,
)
from ._permutation import permutation_test as permutation_test
from ._picture import plot_explanation as plot_explanation
from ._topology import homology_cycles as homology_cycles, persistence as persistence
