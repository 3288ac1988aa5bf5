"""Predictions of a saved model, as a table."""

from __future__ import annotations

import json
from functools import lru_cache
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pymatgen.core import IStructure
from sklearn.base import is_regressor

from ..estimators._pipelines import labels_sites, supports_std
from ..estimators.saving._folder import find_folder, pretrained_names, shipped_folder
from ..estimators.saving._save import load_pretrained
from ._metal import metal_probability

__all__ = ["predict", "pretrained_names"]

DEFAULT = "materials-project"
_METAL = "metal.json"


def predict(structures: Any, *, model: str | PathLike = DEFAULT) -> pd.DataFrame:
    """Predict properties of crystals with a model that is trained already.

    Parameters
    ----------
    structures : Structure, or sequence of m crystals
        pymatgen Structures or ASE Atoms, ordered; a list, an object array, a Series.
    model : str or Path, default="materials-project"
        Name of a model that comes with the package, or the folder of one that
        `save_pretrained` wrote. The default was trained on crystals of the Materials
        Project; its README gives its errors and test data.

    Returns
    -------
    DataFrame of m rows
        Indexed as a Series of crystals is, else from 0. Two columns a target: the
        prediction, and with ``_std`` at the end of its name, its standard deviation, if
        the model has one. Those of the default: ``formation_energy_per_atom`` in
        eV/atom, ``band_gap`` and ``efermi`` in eV; and ``metal_probability``, that PBE
        gives a gap below 0.025 eV.

    Raises
    ------
    TypeError
        If an entry is not a crystal.
    ValueError
        If a crystal is disordered or has an isolated atom, or the model is
        unknown, or not a regressor.

    Examples
    --------
    >>> from skcrystal import predict
    >>> from skcrystal.datasets import load_pbe_prototypes
    >>> crystals = load_pbe_prototypes().data
    >>> table = predict(crystals[:3])
    >>> table.columns.tolist()  # doctest: +NORMALIZE_WHITESPACE
    ['formation_energy_per_atom', 'formation_energy_per_atom_std', 'band_gap',
     'band_gap_std', 'efermi', 'efermi_std', 'metal_probability']
    """
    return tabulate(load(model), structures)


class Loaded(NamedTuple):
    """A model, and its function from band gap to probability of a metal, if it has one.

    Attributes
    ----------
    model : estimator
    metal : dict or None
        See `metal_probability`.
    """

    model: Any
    metal: dict[str, Any] | None


def tabulate(loaded: Loaded, structures: Any) -> pd.DataFrame:
    """Predict as `predict` does, with a model that is loaded already."""
    if isinstance(structures, IStructure):
        structures = [structures]
    means, stds = _predict(loaded.model, structures)
    table: dict[str, Any] = {}
    for t, name in enumerate(loaded.model.target_names_):
        table[name] = means[:, t]
        if stds is not None:
            table[f"{name}_std"] = stds[:, t]
    if loaded.metal is not None:
        gap = loaded.metal["target"]
        table["metal_probability"] = metal_probability(
            loaded.metal, table[gap], table[f"{gap}_std"]
        )
    index = structures.index if isinstance(structures, pd.Series) else None
    return pd.DataFrame(table, index=index)


def load(model: str | PathLike) -> Loaded:
    """Load the regressor of a name or folder; one of the package is cached.

    Raises
    ------
    ValueError
        If there is none, or it is damaged.
    """
    folder = find_folder(model)
    shipped = folder.resolve().parent == shipped_folder().resolve()
    return _load_shipped(folder.resolve()) if shipped else _load(folder)


# The package does not change while it is in use, as a user's own folders may.
@lru_cache(maxsize=2)
def _load_shipped(folder: Path) -> Loaded:
    return _load(folder)


def _load(folder: Path) -> Loaded:
    model = load_pretrained(folder)
    if not is_regressor(model):
        raise ValueError(
            f"{folder} holds a {type(model).__name__}, which predicts no numbers; use "
            "skcrystal.load_pretrained and its predict_proba."
        )
    if labels_sites(model):
        raise ValueError(
            f"{folder} holds a model with targets of atoms, of which a crystal has no "
            "one row; use skcrystal.load_pretrained and its predict."
        )
    if not (folder / _METAL).is_file():
        return Loaded(model, None)
    try:
        metal = json.loads((folder / _METAL).read_text(encoding="utf-8"))
        model.target_names_.index(metal["target"])
        metal_probability(metal, [0.0], [1.0])
        if not supports_std(model):
            raise ValueError("the model has no standard deviations")
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder / _METAL} is damaged or not for this model: {error!r}."
        ) from error
    return Loaded(model, metal)


def _predict(model: Any, crystals: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Means and standard deviations (m, T); None where the model has none."""
    if supports_std(model):
        mean, std = model.predict(crystals, return_std=True)
        return mean.reshape(len(mean), -1), std.reshape(len(std), -1)
    mean = model.predict(crystals)
    return mean.reshape(len(mean), -1), None
