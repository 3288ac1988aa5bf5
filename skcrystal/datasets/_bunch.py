"""Bunches, as every loader returns them."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pymatgen.core import IStructure, Structure
from sklearn.utils import Bunch

from ..graphs._structures import check_sequence


def make_bunch(
    frame: pd.DataFrame,
    target_names: Sequence[str],
    *,
    DESCR: str,
    return_X_y: bool = False,
    as_frame: bool = False,
    **more: Any,
) -> Bunch | tuple[Any, Any]:
    """Crystals and labels out of a table, in scikit-learn's form.

    Parameters
    ----------
    frame : DataFrame
        A row a crystal: column "structure", and the targets. Its index names crystals.
        A column "formula" is taken as the groups; without one it is added, with
        reduced formulas.
    target_names : sequence of str
        Columns that are targets; empty without labels.
    DESCR : str
        Description of the data, with units, source and limits.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give `data` as a Series and `target` as a DataFrame (a Series, if there is one
        target).
    **more
        Further fields of the Bunch.

    Returns
    -------
    Bunch or tuple
        data : list (or Series) of n pymatgen Structures; target : ndarray of shape
        (n,) of one target, (n, n_targets) of several, NaN where not measured, None
        without targets; target_names : list of str; groups : ndarray of shape (n,),
        reduced formulas; frame : DataFrame; DESCR : str; and `more`.
    """
    names = list(target_names)
    if "formula" not in frame:
        formulas = reduced_formulas(frame["structure"])
        frame = frame.assign(formula=pd.Series(formulas, frame.index, dtype=object))
    target: Any = frame[names[0]] if len(names) == 1 else frame[names]
    data: Any = frame["structure"]
    if not as_frame:
        data, target = data.tolist(), target.to_numpy()
    if not names:
        target = None
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        target_names=names,
        groups=frame["formula"].to_numpy(dtype=object),
        frame=frame,
        DESCR=DESCR,
        **more,
    )


def reduced_formulas(structures: Iterable[Structure]) -> list[str]:
    """Reduced formulas, without pymatgen's words on noble gases.

    It sorts elements by electronegativity, and they have none.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "No Pauling electronegativity")
        return [reduced_formula(structure) for structure in structures]


def reduced_formula(structure: Structure) -> str:
    """Reduced formula, the same for a crystal with and without oxidation states."""
    return structure.composition.element_composition.reduced_formula


class LabelledCrystals(NamedTuple):
    """Crystals of a data set, or a plain list of them."""

    structures: list[IStructure]
    formulas: list[str]
    labels: pd.DataFrame  # a row a crystal, by name; without columns, if unlabelled


def labelled_crystals(crystals: Bunch | Sequence[IStructure]) -> LabelledCrystals:
    """Take a Bunch or a list of crystals apart.

    Raises
    ------
    TypeError
        If there are no pymatgen Structures in it.
    ValueError
        If it is empty.
    """
    bunch = crystals if isinstance(crystals, Bunch) else Bunch(data=crystals)
    check_sequence(bunch.data)
    structures = list(bunch.data)
    for i, structure in enumerate(structures):
        if not isinstance(structure, IStructure):
            raise TypeError(
                f"crystal {i} is a {type(structure).__name__}, not a pymatgen "
                "Structure; parse_structures makes them of other forms."
            )
    frame = bunch.get("frame")
    index = pd.RangeIndex(len(structures), name="row")
    if isinstance(frame, pd.DataFrame) and len(frame) == len(structures):
        index = frame.index
    return LabelledCrystals(
        structures, reduced_formulas(structures), _labels(bunch, index)
    )


def _labels(bunch: Bunch, index: pd.Index) -> pd.DataFrame:
    target = bunch.get("target")
    if target is None or len(target) != len(index) or isinstance(target, list):
        return pd.DataFrame(index=index)  # none, or a label for each site
    values = np.asarray(target)
    values = values[:, None] if values.ndim == 1 else values
    names = list(bunch.get("target_names", []))
    if len(names) != values.shape[1]:
        names = [f"target_{i}" for i in range(values.shape[1])]
    return pd.DataFrame(values, index, names)
