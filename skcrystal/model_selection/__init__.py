"""Splits of crystals that test what they say they test, and scores with gaps."""

from ._chemical_groups import chemical_groups
from ._folds import ChemicalSystemKFold, FormulaKFold
from ._leave_out import LeaveOneClusterOut, LeaveOneElementOut
from ._scorers import MaskedScorer
from ._shuffled import (
    ChemicalSystemShuffleSplit,
    FormulaShuffleSplit,
    train_test_split_by_formula,
)

__all__ = [
    "ChemicalSystemKFold",
    "ChemicalSystemShuffleSplit",
    "FormulaKFold",
    "FormulaShuffleSplit",
    "LeaveOneClusterOut",
    "LeaveOneElementOut",
    "MaskedScorer",
    "chemical_groups",
    "train_test_split_by_formula",
]
