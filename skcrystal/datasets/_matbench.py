"""The nine tasks of Matbench v0.1 that give crystals, downloaded."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from ._bunch import make_bunch
from ._download import download
from ._json_stream import JsonStream
from .parsing._records import Arrays, cached_arrays, pack_records, unpack_records

_URL = "https://ml.materialsproject.org/projects/"


# Facts of the folds in matbench's validation file
_SEED = 18012019
_DESCR = """\
{name}, of Matbench v0.1

{about}

Crystals: {n:,}. Target: "{column}" ({unit}).
Sites hold an element and a place; magnetic moments and other properties of sites, where
files have any, are left out.

Folds are the official five: train and tune on the first part of each, score on the
second, once. Report the mean over folds of {score}.

Source: {source}.
Reference: A. Dunn, Q. Wang, A. Ganose, D. Dopp, A. Jain, npj Comput. Mater. 6, 138
(2020).
"""


def fetch_matbench(
    task: str = "matbench_perovskites",
    *,
    data_home: str | PathLike | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
    verbose: bool = False,
) -> Any:
    """Download a task of Matbench v0.1, once.

    The nine tasks that predict from crystals [1]_, with their official folds. Files
    are cached and checked against their SHA-256 at each call.

    ============  ========  ===============================================
    Task          Crystals  Target
    ============  ========  ===============================================
    dielectric       4,764  refractive index
    jdft2d             636  exfoliation energy in meV/atom
    log_gvrh        10,987  log10 of the shear modulus in GPa
    log_kvrh        10,987  log10 of the bulk modulus in GPa
    mp_e_form      132,752  formation energy in eV/atom
    mp_gap         106,113  PBE band gap in eV
    mp_is_metal    106,113  True for metals
    perovskites     18,928  heat of formation in eV a cell
    phonons          1,265  highest peak of the phonon spectrum in 1/cm
    ============  ========  ===============================================

    The first call parses the file, one crystal at a time, and caches the crystals
    next to the file. That is quick enough for one core: 32,000 Materials Project cells
    of 26 atoms took 4 s, and making Structures of them, which every call does, 10 s. As
    Structures they take 0.6 GB, so "mp_e_form" takes some 2.5 GB.

    Parameters
    ----------
    task : str, default="matbench_perovskites"
        Name of the task, with or without ``matbench_``.
    data_home : str or Path, optional
        Folder in which files are cached; by default the user's cache folder, in
        ``skcrystal/matbench``.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give `data` and `target` as Series, indexed by Matbench's names of crystals.
    verbose : bool, default=False
        Whether to show how far parsing is.

    Returns
    -------
    data : Bunch
        data : list (or Series) of n pymatgen Structures
            In the order of the file, which the folds refer to.
        target : ndarray (or Series) of shape (n,)
            Numbers, or bools of the task "mp_is_metal".
        target_names : list of str
            The target, as the file calls it.
        folds : list of five (train, test)
            Row numbers, to be given as `cv` to scikit-learn.
        groups : ndarray of shape (n,)
            Reduced formulas. The official folds do not heed them.
        frame : DataFrame
            Structure, target and formula, indexed by names such as
            "mb-perovskites-00001".
        DESCR : str
            Units, source and citation.
    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If the task is unknown, or has compositions instead of crystals.
    OSError
        If the file cannot be downloaded, or comes damaged. The message gives its
        address and where to copy it to by hand.

    References
    ----------
    .. [1] A. Dunn et al., "Benchmarking materials property prediction methods: the
       Matbench test set and Automatminer reference algorithm", npj Comput. Mater. 6,
       138 (2020).
    """
    name = task_name(task)
    import pooch

    folder = Path(data_home or pooch.os_cache("skcrystal") / "matbench")
    file, sha256 = f"{name}.json.gz", TASKS[name].sha256
    path = download(_URL + file, folder / file, sha256=sha256)
    arrays = cached_arrays(
        folder / f"{name}.npz", sha256, lambda: _parse(path, TASKS[name], verbose)
    )
    return _bunch_of(arrays, name, return_X_y=return_X_y, as_frame=as_frame)


def read_matbench(path: str | PathLike, task: str, *, verbose: bool = False) -> Bunch:
    """Read a file of the form that Matbench publishes, with any crystals.

    Parameters
    ----------
    path : str or Path
        A ``json.gz`` file.
    task : str
        The task that it stands for, which decides on the target.
    verbose : bool, default=False
        Whether to show how far parsing is.

    Returns
    -------
    Bunch
        As of `fetch_matbench`.

    Raises
    ------
    ValueError
        If it is not such a file.
    """
    name = task_name(task)
    return _bunch_of(_parse(Path(path), TASKS[name], verbose), name)


def official_folds(
    target: NDArray[Any], *, n_splits: int = 5
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Train and test rows of Matbench's folds, from the target in the file's order.

    Compared with matbench_v0.1_validation.json of matbench 0.6: of all regression
    tasks they are the same rows in the same order. Those of "mp_is_metal" are, given
    46,151 metals, a way in which this `StratifiedKFold` deals them out.
    """
    of_classes = target.dtype == bool
    splitter = (StratifiedKFold if of_classes else KFold)(
        n_splits, shuffle=True, random_state=_SEED
    )
    return list(splitter.split(np.zeros(len(target)), target))


def _bunch_of(arrays: Arrays, name: str, **form: bool) -> Bunch | tuple[Any, Any]:
    task, target = TASKS[name], arrays["target"]
    n, prefix = len(target), name.replace("matbench", "mb").replace("_", "-")
    width = len(str(n))
    names = [f"{prefix}-{i:0{width}d}" for i in range(1, n + 1)]
    frame = pd.DataFrame(
        {
            "structure": pd.Series(list(unpack_records(arrays)), dtype=object),
            task.column: target,
            "formula": arrays["formula"].astype(object),
        }
    ).set_index(pd.Index(names, name="mbid"))
    folds = official_folds(target)
    of_classes = target.dtype == bool
    descr = _DESCR.format(
        name=name,
        about=task.about,
        n=n,
        column=task.column,
        unit=task.unit,
        score="ROC AUC" if of_classes else "the mean absolute error",
        source=task.source,
    )
    return make_bunch(frame, [task.column], DESCR=descr, folds=folds, **form)


def _parse(path: Path, task: Task, verbose: bool) -> Arrays:
    """Read crystals and target; a ValueError, if the file holds something else."""
    columns, arrays, values = None, None, []

    def crystals(rows: Iterator[Any]) -> Iterator[Any]:
        for row in tqdm(
            rows,
            total=task.n_crystals,
            unit="crystal",
            desc=f"parsing {path.name}",
            disable=not verbose,
        ):
            crystal, value = row if isinstance(row[0], dict) else row[::-1]
            values.append(value)
            yield crystal

    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            stream = JsonStream(file)
            for key in stream.members():
                if key == "data":
                    arrays = pack_records(crystals(stream.items()))
                elif key == "columns":
                    columns = stream.value()
                else:
                    stream.value()
    except (ValueError, TypeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(
            f"{path} is not a complete file of Matbench: {error}"
        ) from error
    if arrays is None or columns is None or set(columns) != {"structure", task.column}:
        raise ValueError(
            f"{path} has the columns {columns}, not 'structure' and {task.column!r}."
        )
    dtype = bool if task.column == "is_metal" else np.float64
    return {**arrays, "target": np.array(values, dtype=dtype)}


class Task(NamedTuple):
    """Published facts of a task."""

    column: str  # the target's name in the file
    unit: str
    n_crystals: int
    sha256: str
    about: str
    source: str


_MP = "Materials Project, April 2019 (A. Jain et al., APL Mater. 1, 011002, 2013)"
_MODULI = "Materials Project, April 2019 (M. de Jong et al., Sci. Data 2, 150009, 2015)"
_NO_UNSTABLE = "Left out: more than 150 meV/atom above the hull, and noble gases."
# Columns, numbers of crystals and SHA-256 are those of matminer 0.10.1, in
# matminer/datasets/dataset_metadata.json ("hash"); units those of matbench 0.6.
TASKS = {
    "matbench_dielectric": Task(
        "n",
        "no unit",
        4_764,
        "83befa09bc2ec2f4b6143afc413157827a90e5e2e42c1eb507ccfa01bf26a1d6",
        f"Refractive index, by PBE perturbation theory. {_NO_UNSTABLE}",
        "Materials Project, April 2019 (I. Petousis et al., Sci. Data 4, 160134, 2017)",
    ),
    "matbench_jdft2d": Task(
        "exfoliation_en",
        "meV/atom",
        636,
        "26057dc4524e193e32abffb296ce819b58b6e11d1278cae329a2f97817a4eddf",
        "Energy to peel a layer off, by OptB88vdW.",
        "JARVIS-DFT (K. Choudhary et al., Sci. Rep. 7, 5179, 2017)",
    ),
    "matbench_log_gvrh": Task(
        "log10(G_VRH)",
        "log10(GPa)",
        10_987,
        "098af941f4c663270f1fe21abf20ffad6fb85ecbfcba5786ceac03983ac29da7",
        f"Shear modulus, Voigt-Reuss-Hill mean, by PBE. {_NO_UNSTABLE}",
        _MODULI,
    ),
    "matbench_log_kvrh": Task(
        "log10(K_VRH)",
        "log10(GPa)",
        10_987,
        "44b113ddb7e23aa18731a62c74afa7e5aa654199e0db5f951c8248a00955c9cd",
        f"Bulk modulus, Voigt-Reuss-Hill mean, by PBE. {_NO_UNSTABLE}",
        _MODULI,
    ),
    "matbench_mp_e_form": Task(
        "e_form",
        "eV/atom",
        132_752,
        "dedcb1d4ba2e3e50dbdd45ba5bc647a00e9c2bcf8f8bf556dc8e92caa39eb21f",
        "Formation energy, by PBE. Left out: more than 2.5 eV/atom, and noble gases.",
        _MP,
    ),
    "matbench_mp_gap": Task(
        "gap pbe",
        "eV",
        106_113,
        "58b65746bd88329986ed66031a2ac1369c7c522f7bc9f9081528e07097c2c057",
        f"Band gap, by PBE, 0 for metals. {_NO_UNSTABLE}",
        _MP,
    ),
    "matbench_mp_is_metal": Task(
        "is_metal",
        "True for metals",
        106_113,
        "9a028ed5750a4c76ca36e9f3c8d48fe0bf3fb21b76ec2289e58ae7048d527919",
        f"Whether PBE bands leave no gap; 43.5 % are metals. {_NO_UNSTABLE}",
        _MP,
    ),
    "matbench_perovskites": Task(
        "e_form",
        "eV a cell of five atoms",
        18_928,
        "4641e2417f8ec8b50096d2230864468dfa08278dc9d257c327f65d0305278483",
        "Heat of formation, by RPBE; oxygen as in water vapour.",
        "I. E. Castelli et al., Energy Environ. Sci. 5, 9034 (2012)",
    ),
    "matbench_phonons": Task(
        "last phdos peak",
        "1/cm",
        1_265,
        "4db551f21ec5f577e6202725f10e34dfc509aa7df3a6bdaac497da7f6dbbb9b3",
        "Frequency of the highest peak in the phonon density of states, by PBEsol.",
        "G. Petretto et al., Sci. Data 5, 180065 (2018)",
    ),
}
_WITHOUT_CRYSTALS = (
    "matbench_expt_gap",
    "matbench_expt_is_metal",
    "matbench_glass",
    "matbench_steels",
)


def task_name(task: str) -> str:
    """Full name of a task that has crystals."""
    name = task if task.startswith("matbench_") else f"matbench_{task}"
    if name in TASKS:
        return name
    if name in _WITHOUT_CRYSTALS:
        reason = "has compositions and no crystals, which graphs are made of"
    else:
        reason = "is not a task of Matbench v0.1"
    known = ", ".join(key.removeprefix("matbench_") for key in TASKS)
    raise ValueError(f"task={task!r} {reason}; those with crystals are {known}.")
