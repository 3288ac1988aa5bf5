"""Rows of the Materials Project that the shipped model learns from, and is judged by.

Three sets of crystals are joined, whose labels come from different releases:

- ``mp_cgcnn_36k``: one release, all three targets. A tenth of its formulas, those of
  ``benchmarks/accuracy/accuracy.py``, is the test set.
- ``mp_extra_24k``: other crystals; labels of the same release for two thirds of them,
  else of 2018. Where both are known formation energies differ by 0.003 eV/atom in the
  median and by 0.02 in the mean, half the error of a good model; all are taken.
- ``mp_20_valtest``: crystals that are in neither. Band gaps are those of the other sets
  on common crystals; formation energies are of later corrections (off by more than
  0.14 eV/atom for one in ten), and are left out.

A formula is in one part alone, whatever set it comes from.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit

from benchmarks._data import (
    EVERY_CRYSTAL,
    cache_folder,
    load_columns,
    load_crystals,
    load_labels,
)
from skcrystal import CrystalGraphs, CrystalGraphTransformer

TARGETS = ["formation_energy_per_atom", "band_gap", "efermi"]  # eV/atom, eV, eV
GRAPHS = {"cutoff": 8.0, "max_neighbors": 12}
_SETS = ["mp_cgcnn_36k", "mp_extra_24k", "mp_20_valtest"]
_CALIBRATION = 0.04  # of the formulas that are not tested


class Rows(NamedTuple):
    """Graphs of n crystals, their labels, and which are for what.

    Attributes
    ----------
    graphs : CrystalGraphs
    labels : DataFrame of shape (n, 3)
        NaN where unknown or of another release.
    train, calibration, test : ndarray of int
        They share no reduced formula. All of `calibration` and `test` are of
        ``mp_cgcnn_36k``.
    """

    graphs: CrystalGraphs
    labels: pd.DataFrame
    train: np.ndarray
    calibration: np.ndarray
    test: np.ndarray


def load_rows():
    """Join the three sets; graphs are kept in the benchmarks' cache folder."""
    tables = [_labels(name) for name in _SETS]
    seen = set()
    for i, table in enumerate(tables):
        tables[i] = table[~table["material_id"].isin(seen)]
        seen |= set(table["material_id"])
    graphs = CrystalGraphs.concatenate(
        [_graphs(name)[t.index] for name, t in zip(_SETS, tables, strict=True)]
    )
    table = pd.concat(tables, keys=_SETS, names=["set"]).reset_index("set")
    formulas = table["formula"].to_numpy()
    main = np.flatnonzero(table["set"] == _SETS[0])
    rest, test = _split(formulas[main], 0.1, random_state=0)
    _, calibration = _split(formulas[main[rest]], _CALIBRATION, random_state=1)
    test, calibration = main[test], main[rest[calibration]]
    reserved = set(formulas[test]) | set(formulas[calibration])
    train = np.flatnonzero(~table["formula"].isin(reserved).to_numpy())
    return Rows(graphs, table[TARGETS], train, calibration, test)


def _split(formulas, fraction, random_state):
    splitter = GroupShuffleSplit(1, test_size=fraction, random_state=random_state)
    return next(splitter.split(formulas, groups=formulas))


def _labels(name):
    """Labels in the order of `load_crystals`."""
    labels = load_labels(EVERY_CRYSTAL, name=name)[["material_id", "formula"]]
    table = labels.join(load_columns(TARGETS, EVERY_CRYSTAL, name=name))
    if name == "mp_20_valtest":
        table["formation_energy_per_atom"] = np.nan
    return table


def _graphs(name):
    kind = "-".join(f"{key}={value}" for key, value in sorted(GRAPHS.items()))
    path = cache_folder() / "graphs" / f"{name}-{EVERY_CRYSTAL}-{kind}.safetensors"
    try:
        return CrystalGraphs.open(path)
    except (FileNotFoundError, ValueError):  # ValueError: of an older format
        crystals, _ = load_crystals(EVERY_CRYSTAL, name=name)
    path.parent.mkdir(parents=True, exist_ok=True)
    CrystalGraphTransformer(on_isolated="nearest", **GRAPHS).transform(crystals).save(
        path
    )
    return CrystalGraphs.open(path)
