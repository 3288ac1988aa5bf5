"""What predictions rest on: which atoms, which neighbours, which rings of them."""

from ._explain import explain
from ._explanation import CrystalExplanation
from ._participation import compare_cycles, cycle_participation
from ._permutation import permutation_test
from ._picture import plot_explanation
from ._topology import homology_cycles, persistence

__all__ = [
    "compare_cycles",
    "CrystalExplanation",
    "cycle_participation",
    "explain",
    "homology_cycles",
    "permutation_test",
    "persistence",
    "plot_explanation",
]
