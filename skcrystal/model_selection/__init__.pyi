from ._chemical_groups import chemical_groups as chemical_groups
from ._folds import (
    ChemicalSystemKFold as ChemicalSystemKFold,
    FormulaKFold as FormulaKFold,
)
from ._leave_out import (
    LeaveOneClusterOut as LeaveOneClusterOut,
    LeaveOneElementOut as LeaveOneElementOut,
)
from ._scorers import MaskedScorer as MaskedScorer
from ._shuffled import (
    ChemicalSystemShuffleSplit as ChemicalSystemShuffleSplit,
    FormulaShuffleSplit as FormulaShuffleSplit,
    train_test_split_by_formula as train_test_split_by_formula,
)
