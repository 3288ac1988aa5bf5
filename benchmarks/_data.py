"""Crystals for the benchmarks: real ones where they are at hand, else the shipped.

What comes out of parsing is kept in the user's cache folder.
"""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from pymatgen.core import Composition, Lattice, Structure

from skcrystal.datasets import load_pbe_prototypes, parse_structures

TARGETS = ["formation_energy_per_atom", "band_gap"]  # eV/atom, eV
# Sets that have other labels: heat of formation against other phases, not elements
# (eV/atom), and the gap of GLLB-SC (eV).
_OTHER_TARGETS = {"perov_5_valtest": ["heat_all", "ind_gap"]}
EVERY_CRYSTAL = 40_000  # more than any set has
SHIPPED = "pbe_prototypes"  # what is taken where a set is not at hand
_BAD_LABELS = ["mp-778012", "mp-690564", "mp-693892", "mp-775201", "mp-758988"]


def load_crystals(n, random_state=0, name="mp_cgcnn_36k"):
    """Load a random sample of at most n crystals and their labels.

    Parameters
    ----------
    n : int
    random_state : int, default=0
        Decides the sample.
    name : str, default="mp_cgcnn_36k"
        Folder of the data set.

    Returns
    -------
    crystals : list of pymatgen Structure
    labels : DataFrame
        ``material_id``, ``formula_sum``, the two targets of the set (eV/atom; eV), see
        `targets_of`; ``formula``, the reduced one.
    """
    if not _table(name).exists():
        crystals, labels = _prototypes(n, random_state, name)
        return crystals, _with_formula(labels)
    with np.load(_parsed(n, random_state, name)) as file:
        arrays = dict(file)
    return _structures(arrays), _labels(arrays, name)


def load_labels(n, random_state=0, name="mp_cgcnn_36k"):
    """Load the labels alone, of the same rows, without making crystals."""
    if not _table(name).exists():
        return _with_formula(_prototypes(n, random_state, name)[1])
    with np.load(_parsed(n, random_state, name)) as file:
        return _labels(file, name)


def load_columns(columns, n, random_state=0, name="mp_cgcnn_36k"):
    """Load numbers of the same rows that are no targets of the set, or not for all.

    Parameters
    ----------
    columns : list of str

    Returns
    -------
    DataFrame of shape (n, n_columns)
        NaN where the table has no number, or no such column.
    """
    labels = load_labels(n, random_state, name)
    if not _table(name).exists():
        return labels.reindex(columns=columns).astype(float)
    empty = {column: [""] for column in columns}
    table = pd.read_csv(_table(name), keep_default_na=False, na_values=empty)
    table = table.set_index("material_id").reindex(labels["material_id"])
    return table.reindex(columns=columns).reset_index(drop=True)


def targets_of(name):
    """Names of a set's two targets: an energy (eV/atom), then a gap (eV)."""
    return _OTHER_TARGETS.get(at_hand(name), TARGETS)


def at_hand(name):
    """Name of the set that crystals come from: `name`, or that of the shipped one."""
    return name if _table(name).exists() else SHIPPED


def perovskites(n, random_state=0):
    """Load at most n perovskites of five atoms a cell, as a list of Structures."""
    name = "perov_5_valtest"
    if _table(name).exists():
        return load_crystals(n, random_state, name)[0]
    frame = load_pbe_prototypes().frame
    chosen = frame[frame["prototype"] == "perovskite"]
    return chosen["structure"].tolist()[:n]


def source(name="mp_cgcnn_36k"):
    """Say where the crystals of a set come from."""
    if _table(name).exists():
        return name
    return f"the shipped PBE prototypes (no {name}: set SKCRYSTAL_DATA to its folder)"


def data_folder():
    """Where the real data sets are, if anywhere."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    return Path(os.environ.get("SKCRYSTAL_DATA", beside))


def _table(name):
    return data_folder() / name / f"{name}.csv.xz"


def cache_folder():
    """Where the benchmarks keep what takes long to make."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "skcrystal-benchmarks"


def _prototypes(n, random_state, name):
    warnings.warn(f"crystals are taken from {source(name)}", stacklevel=3)
    frame = load_pbe_prototypes().frame.reset_index()
    frame = frame.rename(columns={"formula": "formula_sum"})
    frame = frame.iloc[_sample(len(frame), n, random_state)].reset_index(drop=True)
    return frame["structure"].tolist(), frame[_columns(SHIPPED)]


def _columns(name):
    return ["material_id", "formula_sum", *targets_of(name)]


def _labels(arrays, name):
    return _with_formula(pd.DataFrame({key: arrays[key] for key in _columns(name)}))


def _with_formula(labels):
    # As the table writes it, a formula counts the atoms of a cell: of polymorphs, too.
    formulas = [Composition(f).reduced_formula for f in labels["formula_sum"]]
    return labels.assign(formula=formulas)


def _parsed(n, random_state, name):
    """File of parsed crystals and their labels, made if it is not there."""
    path = cache_folder() / f"{name}-{n}-{random_state}.npz"
    if path.exists():
        with np.load(path) as file:
            if set(_columns(name)) <= set(file.files):
                return path
    _write(path, _parse_sample(n, random_state, name))
    return path


def _sample(n_rows, n, random_state):
    return np.random.RandomState(random_state).permutation(n_rows)[:n]


def _parse_sample(n, random_state, name):
    """Columns of the labels, and the crystals behind one another."""
    # Sodium nitride's formula reads "NaN", which pandas takes for a missing value.
    frame = pd.read_csv(_table(name), keep_default_na=False)
    if "formula_sum" not in frame:
        frame = frame.rename(columns={"formula": "formula_sum"})
    frame = frame[[*_columns(name), "cif"]]
    frame = frame[~frame["material_id"].isin(_BAD_LABELS)]
    frame = frame.iloc[_sample(len(frame), n, random_state)]
    cifs = frame.pop("cif").tolist()
    crystals = parse_structures(cifs, n_jobs=2).structures
    arrays = {
        "lattice": np.stack([crystal.lattice.matrix for crystal in crystals]),
        "n_atoms": np.array([len(crystal) for crystal in crystals]),
        "numbers": np.concatenate(
            [np.array(crystal.atomic_numbers, np.uint8) for crystal in crystals]
        ),
        "frac_coords": np.concatenate([crystal.frac_coords for crystal in crystals]),
    }
    for key, column in frame.items():
        # Text of fixed width: the file then needs no pickles.
        numeric = pd.api.types.is_numeric_dtype(column)
        arrays[key] = column.to_numpy(dtype=None if numeric else np.str_)
    return arrays


def _structures(arrays):
    ends = np.cumsum(arrays["n_atoms"])[:-1]
    numbers = np.split(arrays["numbers"], ends)
    coords = np.split(arrays["frac_coords"], ends)
    return [
        Structure(Lattice(lattice), z.tolist(), x)
        for lattice, z, x in zip(arrays["lattice"], numbers, coords, strict=True)
    ]


def _write(path, arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}.npz")
    np.savez_compressed(unfinished, **arrays)
    unfinished.replace(path)
