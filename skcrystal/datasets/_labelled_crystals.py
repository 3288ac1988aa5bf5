"""What checks of data look at: crystals, their names, their labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from pymatgen.core import IStructure
from sklearn.utils import Bunch

from ..graphs._structures import check_sequence
from ._bunch import reduced_formulas


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
        If there is nothing in it.
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
