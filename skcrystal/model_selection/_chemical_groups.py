"""Chemical groups of crystals: formulas, systems, elements."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Element

from ..graphs._compositions import reduced_formulas

# Functions from a composition to the name of its group.
_NAMES: dict[str, Callable[[Composition], str]] = {
    "formula": lambda composition: composition.reduced_formula,
    "anonymous_formula": lambda composition: composition.anonymized_formula,
    "chemical_system": lambda composition: composition.chemical_system,
}


def chemical_groups(X: Any, *, by: str = "formula") -> NDArray[np.object_]:
    """Chemical group of each crystal: its formula, or its elements.

    The names are groups for scikit-learn's splitters, such as `GroupKFold`, and for
    tables. Splitters of this package read `X` themselves.

    Parameters
    ----------
    X : CrystalGraphs, or sequence of n crystals or PyG Data
        Crystals are pymatgen Structures or ASE Atoms; a list, a 1-D object array or a
        pandas Series of them.
    by : {"formula", "chemical_system", "anonymous_formula"}, default="formula"
        "formula" is the reduced formula, "TiO2", which polymorphs and cells of any
        size share; "chemical_system" the set of elements, "O-Ti"; "anonymous_formula"
        the proportions alone, "AB2".

    Returns
    -------
    ndarray of shape (n,), object
        Strings. Oxidation states and isotopes make no difference.

    Raises
    ------
    TypeError
        If an entry is neither crystal nor graph.
    ValueError
        If `by` is none of those, `X` is empty, or a crystal is disordered or broken.

    See Also
    --------
    FormulaKFold, ChemicalSystemKFold : Folds that keep such groups whole.

    Examples
    --------
    >>> from pymatgen.core import Lattice, Structure
    >>> from skcrystal.model_selection import chemical_groups
    >>> sites = [[0, 0, 0], [0.5, 0.5, 0.5]]
    >>> salts = [Structure(Lattice.cubic(4), [a, "Cl"], sites) for a in ("Na", "Cs")]
    >>> chemical_groups(salts)
    array(['NaCl', 'CsCl'], dtype=object)
    >>> chemical_groups(salts, by="chemical_system")
    array(['Cl-Na', 'Cl-Cs'], dtype=object)
    """
    if by not in _NAMES:
        raise ValueError(f"by must be one of {', '.join(_NAMES)}; it is {by!r}.")
    formula, parts = reduced_formulas(X)
    names = np.empty(len(parts), dtype=object)
    for i, (numbers, amounts) in enumerate(parts):
        elements = [Element.from_Z(int(z)) for z in numbers]
        content = dict(zip(elements, amounts.tolist(), strict=True))
        names[i] = _NAMES[by](Composition(content))
    return names[formula]
