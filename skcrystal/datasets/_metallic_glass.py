"""Energy barriers of atoms in a metallic glass, downloaded."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pymatgen.core import Lattice, Structure
from sklearn.utils import Bunch

from ._download import download
from ._safe_pickle import safe_unpickle_arrays

_URL = (
    "https://raw.githubusercontent.com/haoyuli02/SymGNN/"
    "ba243bb2dc2514a0c7cd3f9ab1a9e43c9a2fdb4a/datasets/raw_data/"
)
# The published files come without checksums, so the check is of their content:
# these are SHA-256 of `_digest`, of a copy of the arrays that was made when the files
# were first read. They detect another content, not another file of equal content.
_CONTENT = {
    "train0": "661d0600212e314565c034b19d000b8c0cccb4894c578f904d01dcca4504e903",
    "train1": "b11e593cfe7d8076ce5afc878c5697ef61b060ba8bc6cff95ae066ae401eec0c",
    "train2": "8b8629b26e0984f82225d556e84d46763599c6a3dc5b38872fd304af7ccaec60",
    "train3": "2ab4d9a8eb140d0c427ac3daba6b2d119e12ee9a37ab78eb74227a4296fba439",
    "train4": "80b4878de3c9be838d05e235a710dcddd3021b5df6da22bc0b46d349eaf01fa5",
    "train5": "ea7af73a3e80b37ed31579f92b3f04350d59841efc915a39e749451d2e52993f",
    "train6": "b1ae909396638d0071a05a5045b959b803b743db9e5814a51238f07ba2f81c40",
    "test0": "0418608f0659d3f0396818ee188cad2af2e1ccc0f9f86e65889c2008ef8dc5c1",
    "test1": "c20d65e213f3cbc5aa513be9f34f598e09b08ff59f744ed5b885c02131990298",
}
# One configuration before and after a small change, or a deformation
_GROUPS = dict(zip(_CONTENT, (0, 0, 1, 2, 3, 4, 4, 5, 6), strict=True))
# Array: its type and shape here
_ARRAYS = {
    "box": ("<f4", (3,)),
    "positions": ("<f8", (-1, 3)),
    "types": ("|i1", (-1,)),
    "energy_barrier": ("<f4", (-1,)),
    "pot": ("<f4", (-1,)),
    "press": ("<f4", (-1,)),
    "von": ("<f4", (-1,)),
}
# The label's name in the published files is left over from another program.
_PUBLISHED_NAMES = {"energy_barrier": "trajectory_start_velocities"}
_PER_ATOM = ("energy_barrier", "pot", "press", "von")
_ELEMENTS = np.array(["", "Cu", "Zr"])
_SUBSETS = ("all", "train", "test")
_DESCR = """\
Energy barriers of the atoms of Cu64Zr36 metallic glass

Seven configurations of 8,000 atoms ("train0" to "train6") and two of 3,000 ("test0",
"test1") in periodic boxes of about 50 and 36 Å. Each atom has a label: its energy
barrier in eV, the mean energy to move from the basin where it is to the
neighbouring ones, found by activation-relaxation (ARTn) in classical simulations.

Energy barrier (eV): train 1.61 ± 0.34 (0.40 to 3.12), test 1.80 ± 0.32 (0.67 to 2.98).
Also per atom, in `frame`: potential energy `pot` (eV), pressure `press` and von Mises
value `von`, whose units are not stated. Correlations of the barrier with them are 0.02,
0.00 and -0.15 in train0.

Limits
- train0 and train1 are almost the same configuration (median distance of their atoms
  0.02 Å), and yet their barriers correlate at only 0.78 and differ by 0.16 eV on
  average: a rough floor of the error of a model of structure. train5 and train6 are
  one sample before and after a deformation. Such pairs share a number in `groups`:
  split by it.
- Mean barriers differ between configurations (1.29 to 1.85 eV), by how the glass was
  made. Within one their standard deviation is 0.27 to 0.33 eV. Quote correlations by
  configuration.
- The authors' program chooses its epoch by the test configurations, which flatters the
  correlations that it reports.
- Elements were inferred from types 1 and 2, by composition (64 : 36) and by energies
  (-3.44 and -6.34 eV).
- In the files the label is called "trajectory_start_velocities", a left-over name.

Source: github.com/haoyuli02/SymGNN, commit ba243bb. It has no licence file: use it for
research, and cite

H. Li, S. Zhang, L. Tang, M. Bauchy, Y. Sun, "Predicting and interpreting energy
barriers of metallic glasses with graph neural networks", ICML 2024, arXiv:2401.08627.
"""


@overload
def fetch_metallic_glass(
    *,
    subset: str = "all",
    data_home: str | PathLike | None = None,
    return_X_y: Literal[False] = False,
) -> Bunch: ...


@overload
def fetch_metallic_glass(
    *,
    subset: str = "all",
    data_home: str | PathLike | None = None,
    return_X_y: Literal[True],
) -> tuple[list[Structure], list[NDArray[np.float64]]]: ...


@overload
def fetch_metallic_glass(
    *,
    subset: str = "all",
    data_home: str | PathLike | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[list[Structure], list[NDArray[np.float64]]]: ...


def fetch_metallic_glass(
    *,
    subset: str = "all",
    data_home: str | PathLike | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[list[Structure], list[NDArray[np.float64]]]:
    """Download energy barriers of atoms in Cu64Zr36 metallic glass, once.

    A label an atom: 56,000 in seven configurations to train on, 6,000 in two to test
    on [1]_. Files are cached, and their content is checked at each call. They are
    pickles, which are read without letting them run anything.

    Split by `groups`: two pairs of configurations are nearly equal.

    Parameters
    ----------
    subset : {"all", "train", "test"}, default="all"
        Which configurations.
    data_home : str or Path, optional
        Folder in which files are cached; by default the user's cache folder, in
        ``skcrystal/metallic-glass``.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.

    Returns
    -------
    data : Bunch
        data : list of n pymatgen Structures
            Periodic orthorhombic boxes of 8,000 or 3,000 atoms; lengths in Å.
        target : list of n ndarrays of shape (n_sites,)
            Energy barrier of each site in eV.
        target_names : list of str
            ``"energy_barrier"``.
        names : list of str
            The configurations: "train0" to "train6", "test0", "test1".
        groups : ndarray of shape (n,)
            Configurations that are nearly equal have equal numbers.
        frame : DataFrame
            A row an atom: configuration, site, element, energy barrier, potential
            energy in eV, pressure and von Mises value.
        DESCR : str
            Units, limits and citation.
    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If the subset is unknown.
    OSError
        If a file cannot be downloaded, or holds something else. The message names
        source and target for a copy by hand.

    References
    ----------
    .. [1] H. Li et al., "Predicting and interpreting energy barriers of metallic
       glasses with graph neural networks", ICML 2024, arXiv:2401.08627.
    """
    if subset not in _SUBSETS:
        raise ValueError(f"subset={subset!r} is none of {', '.join(_SUBSETS)}.")
    import pooch

    folder = Path(data_home or pooch.os_cache("skcrystal") / "metallic-glass")
    arrays = {}
    for name in _CONTENT:
        if subset == "all" or name.startswith(subset):
            file = f"{name}.pickle"
            path = download(
                _URL + file,
                folder / file,
                check=partial(_read, name=name),
            )
            for key, array in _read(path, name).items():
                arrays[f"{name}_{key}"] = array
    bunch = bunch_of(arrays)
    return (bunch.data, bunch.target) if return_X_y else bunch


def bunch_of(arrays: Mapping[str, NDArray]) -> Bunch:
    """Result of `fetch_metallic_glass`, from the configurations of a subset.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        ``"<configuration>_<array>"``: box lengths in Å (3,), positions in Å (N, 3),
        types (N,), and values per atom (N,).

    Returns
    -------
    Bunch
    """
    names = [name for name in _CONTENT if f"{name}_box" in arrays]
    data, frames = [], []
    for name in names:
        elements = _ELEMENTS[arrays[f"{name}_types"]]
        box = Lattice.orthorhombic(*arrays[f"{name}_box"].astype(np.float64))
        positions = arrays[f"{name}_positions"]
        data.append(
            Structure(box, elements.tolist(), positions, coords_are_cartesian=True)
        )
        columns = {key: arrays[f"{name}_{key}"].astype(np.float64) for key in _PER_ATOM}
        frame = {"configuration": name, "site": range(len(elements))}
        frames.append(pd.DataFrame({**frame, "element": elements, **columns}))
    return Bunch(
        data=data,
        target=[frame["energy_barrier"].to_numpy().copy() for frame in frames],
        target_names=["energy_barrier"],
        names=names,
        groups=np.array([_GROUPS[name] for name in names]),
        frame=pd.concat(frames, ignore_index=True),
        DESCR=_DESCR,
    )


def _read(path: Path, name: str) -> dict[str, NDArray]:
    """Arrays of one configuration; a ValueError if they are not the published ones."""
    published: Mapping[str, Any] = safe_unpickle_arrays(path)
    arrays = {}
    for key, (dtype, shape) in _ARRAYS.items():
        there = _PUBLISHED_NAMES.get(key, key)
        if there not in published:
            raise ValueError(
                f"{name}.pickle has no array {there!r}, only {sorted(published)}"
            )
        arrays[key] = np.ascontiguousarray(published[there].reshape(shape), dtype=dtype)
    digest = _digest(arrays)
    if digest != _CONTENT[name]:
        raise ValueError(
            f"{name}.pickle does not hold the published arrays: SHA-256 of its content "
            f"is {digest}, not {_CONTENT[name]}"
        )
    return arrays


def _digest(arrays: Mapping[str, NDArray]) -> str:
    """SHA-256 over names, types, shapes and values, in a fixed order."""
    sha256 = hashlib.sha256()
    for key, (dtype, _) in _ARRAYS.items():
        sha256.update(f"{key} {dtype} {arrays[key].shape}\n".encode())
        sha256.update(arrays[key].tobytes())
    return sha256.hexdigest()
