"""The data set that the package ships."""

from __future__ import annotations

from importlib.resources import files
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from sklearn.utils import Bunch

from ._bunch import make_bunch

_TARGETS = ["formation_energy_per_atom", "band_gap"]

# Prototype: lattice, and fractional sites in the order of the table's species
_SITES = {
    "rocksalt": ("fcc", [(0, 0, 0), (0.5, 0.5, 0.5)]),
    "zincblende": ("fcc", [(0, 0, 0), (0.25, 0.25, 0.25)]),
    "cscl": ("sc", [(0, 0, 0), (0.5, 0.5, 0.5)]),
    "fluorite": ("fcc", [(0, 0, 0), (0.25, 0.25, 0.25), (0.75, 0.75, 0.75)]),
    "half-heusler": ("fcc", [(0, 0, 0), (0.25, 0.25, 0.25), (0.5, 0.5, 0.5)]),
    "perovskite": (
        "sc",
        [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)],
    ),
}


@overload
def load_pbe_prototypes(
    *, return_X_y: Literal[False] = False, as_frame: bool = False
) -> Bunch: ...


@overload
def load_pbe_prototypes(
    *, return_X_y: Literal[True], as_frame: Literal[False] = False
) -> tuple[list[Structure], NDArray[np.float64]]: ...


@overload
def load_pbe_prototypes(
    *, return_X_y: Literal[True], as_frame: Literal[True]
) -> tuple[pd.Series, pd.DataFrame]: ...


@overload
def load_pbe_prototypes(
    *, return_X_y: bool = False, as_frame: bool = False
) -> Bunch | tuple[Any, Any]: ...


def load_pbe_prototypes(
    *, return_X_y: bool = False, as_frame: bool = False
) -> Bunch | tuple[Any, Any]:
    """Load PBE formation energies and band gaps of 1,097 cubic crystals.

    Crystals of six cubic prototypes (rocksalt, zincblende, CsCl, fluorite,
    half-Heusler, perovskite) over 42 elements, many of them unstable on purpose, with
    labels computed for this package. 73 % are metals.

    ============  =========================================================
    Crystals      1,097, of 855 reduced formulas
    Atoms a cell  2 to 5 (primitive cells)
    Targets       formation energy in eV/atom; band gap in eV, 0 for metals
    ============  =========================================================

    Split by `groups`: polymorphs of one formula resemble each other.

    Parameters
    ----------
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give `data` as a Series and `target` as a DataFrame, indexed by material id.

    Returns
    -------
    data : Bunch
        data : list (or Series) of length n
            The crystals, as pymatgen Structures.
        target : ndarray (or DataFrame) of shape (n, 2)
            Formation energy in eV/atom and band gap in eV.
        target_names : list of str
            ``"formation_energy_per_atom"`` and ``"band_gap"``.
        groups : ndarray of shape (n,)
            Reduced formula of each crystal.
        frame : DataFrame
            The whole table: prototype, species, lattice constant in Å, total energy
            in eV/atom, targets, and the structures.
        DESCR : str
            Method, units and limits.
    (data, target) : tuple
        If `return_X_y`.

    Examples
    --------
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> bunch = load_pbe_prototypes()
    >>> len(bunch.data), bunch.target.shape
    (1097, (1097, 2))
    """
    folder = files("skcrystal.datasets") / "data"
    with (folder / "pbe_prototypes.csv").open(encoding="utf-8") as file:
        # Sodium nitride's formula reads "NaN", which pandas takes for a missing value.
        frame = pd.read_csv(file, keep_default_na=False).set_index("material_id")
    frame["structure"] = [
        _structure(row.prototype, row.species.split(), row.lattice_constant)
        for row in frame.itertuples()
    ]
    return make_bunch(
        frame,
        _TARGETS,
        DESCR=(folder / "pbe_prototypes.md").read_text(encoding="utf-8"),
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _structure(prototype: str, species: list[str], a: float) -> Structure:
    """Primitive cell of a prototype with lattice constant `a` in Å."""
    kind, sites = _SITES[prototype]
    h = a / 2
    cell = np.eye(3) * a if kind == "sc" else [[0, h, h], [h, 0, h], [h, h, 0]]
    return Structure(Lattice(cell), species, sites)
