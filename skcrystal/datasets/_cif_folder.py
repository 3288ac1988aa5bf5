"""Crystals in a folder of files, with labels in a table of the same folder."""

from __future__ import annotations

import csv
import re
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pandas as pd

from ._labels import RESERVED, is_number, target_list, with_labels
from .parsing._bunch import bunch_of_parsed
from .parsing._parse import parse_structures
from .parsing._text import read_text

_PACKED = re.compile(r"\.(gz|bz2|xz)$", re.IGNORECASE)
_ENDING = re.compile(r"\.(cif|vasp|poscar|contcar)$", re.IGNORECASE)
_PREFIX = re.compile(r"^(POSCAR|CONTCAR)[._-](?=.)")


def read_cif_folder(
    path: str | PathLike,
    *,
    targets: str | Sequence[str] | None = None,
    id_prop: str | None = "id_prop.csv",
    errors: str = "raise",
    disordered: str = "error",
    n_jobs: int | None = None,
    verbose: bool | int = False,
    cache: str | PathLike | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
) -> Any:
    """Read a folder of CIF or POSCAR files and their labels, as CGCNN lays it out.

    Each crystal is a file named by its id: ``mp-1.cif``, or of POSCARs ``mp-1.vasp``,
    ``mp-1.poscar`` or ``POSCAR_mp-1``; ``.gz``, ``.bz2`` and ``.xz`` are read as well.
    ``id_prop.csv`` has a row a crystal: the id, then one label or several. Labels that
    are empty or read "nan" are missing. A first row with names is taken as such. Other
    files, such as CGCNN's ``atom_init.json``, are ignored.

    Without ``id_prop.csv`` crystals have no labels: `predict` takes `data` as it is.

    Parameters
    ----------
    path : str or Path
        The folder.
    targets : str or sequence of str, optional
        Names of the columns of labels, in order; if the table has a row with names,
        which of them to take. By default the names in the table, else "target", or
        "target_0" and so on.
    id_prop : str or None, default="id_prop.csv"
        The table in the folder. None reads crystals alone.
    errors : {"raise", "skip"}, default="raise"
        How to treat files that cannot be read and ids without a file: raise one
        error that lists them, or leave them out and warn.
    disordered : {"error", "keep"}, default="error"
        Whether a crystal with partial occupancies counts as one that cannot be read:
        no graph can be made of it.
    n_jobs : int, optional
        Number of joblib workers that read files.
    verbose : bool or int, default=False
        Whether to show a progress bar.
    cache : str or Path, optional
        Cache folder for the crystal of each file, by its content: reading
        again then takes a fraction of the time.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give `data` as a Series and `target` as a DataFrame (a Series, if there is one
        target), indexed by id.

    Returns
    -------
    data : Bunch
        data : list (or Series) of n pymatgen Structures, in the order of the table.
        target : ndarray (or DataFrame) of shape (n,) or (n, n_targets)
            In the table's units. NaN where missing; None without a table. A single
            column of words holds classes.
        target_names : list of str
        groups : ndarray of shape (n,)
            Reduced formulas.
        frame : DataFrame
            Labels, structures and formulas, indexed by id. Ids are text: "007" and
            "NaN" stay as they are.
        failed_ : dict
            Why a crystal was left out, by id.
        remarks_ : dict
            Guesses and repairs of pymatgen in a file, by id.
        ignored_ : list of str
            Files of crystals without a row in the table, named in a warning.
        DESCR : str
    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If files cannot be read or have no row and ``errors="raise"``, if an id stands
        twice, if there is no crystal, or a label is not a number.
    FileNotFoundError
        If the folder or the table does not exist.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from skcrystal.datasets import load_pbe_prototypes, read_cif_folder
    >>> salts = load_pbe_prototypes().data[:2]
    >>> with TemporaryDirectory() as folder:
    ...     for name, salt in zip(["001", "002"], salts):
    ...         _ = salt.to(filename=f"{folder}/{name}.cif")
    ...     _ = Path(folder, "id_prop.csv").write_text("001,-0.3\\n002,1.2\\n")
    ...     bunch = read_cif_folder(folder, targets="formation_energy_per_atom")
    >>> bunch.frame["formation_energy_per_atom"].to_dict()
    {'001': -0.3, '002': 1.2}
    """
    folder = Path(path)
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder {folder} does not exist.")
    files = _files(folder)
    table = read_id_prop(folder, id_prop, targets, files)
    names = [] if table is None else list(table.columns)
    if table is None:
        table = pd.DataFrame(index=pd.Index(sorted(files), dtype=object, name="id"))
    table = with_labels(table, names)
    sources = [files.get(name, folder / f"{name}.cif") for name in table.index]
    parsed = parse_structures(
        sources,
        names=table.index.tolist(),
        errors=errors,
        disordered=disordered,
        n_jobs=n_jobs,
        verbose=verbose,
        cache=cache,
    )
    ignored = sorted(file.name for id_, file in files.items() if id_ not in table.index)
    if ignored:
        some = ", ".join(ignored[:5]) + (", ..." if len(ignored) > 5 else "")
        warnings.warn(
            f"{len(ignored)} of {len(files)} files of crystals in {folder} have no row "
            f"in {id_prop} and are left out: {some}; the Bunch lists them in ignored_.",
            stacklevel=2,
        )
    return bunch_of_parsed(
        table,
        parsed,
        names,
        source=f"the folder {folder}",
        ignored=ignored,
        return_X_y=return_X_y,
        as_frame=as_frame,
    )


def _files(folder: Path) -> dict[str, Path]:
    """Files with crystals, by id."""
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        if file.name.startswith(".") or not file.is_file():
            continue
        name = _PACKED.sub("", file.name)
        stem = _PREFIX.sub("", _ENDING.sub("", name))
        if stem == name and stem not in ("POSCAR", "CONTCAR"):
            continue  # something else
        if stem in files:
            raise ValueError(
                f"{files[stem].name} and {file.name} in {folder} are both of the id "
                f"{stem!r}; remove one."
            )
        files[stem] = file
    if not files:
        raise ValueError(
            f"the folder {folder} holds no crystals: files are named ID.cif, ID.vasp, "
            "ID.poscar or POSCAR_ID."
        )
    return files


# The table of labels in a folder of crystals: an id a row, and its labels.


def read_id_prop(
    folder: Path,
    id_prop: str | None,
    targets: str | Sequence[str] | None,
    ids: Collection[str],
) -> pd.DataFrame | None:
    """Labels as text, by id; None without a table.

    Parameters
    ----------
    folder : Path
    id_prop : str or None
        Name of the table in the folder.
    targets : str or sequence of str, optional
        Names of its columns, or which of them to take.
    ids : collection of str
        Of the crystals that are there: a first row that is none of them may be names.

    Raises
    ------
    FileNotFoundError
        If the table is not there, although it was named or another is there.
    ValueError
        If rows are of different length, no id is that of a file, one stands twice, or
        `targets` does not fit.
    """
    path = _path(folder, id_prop)
    if path is None:
        if targets is not None:
            raise ValueError(
                f"targets={targets!r}, but {folder} has no table of labels."
            )
        return None
    rows = _rows(path)
    header = None
    if rows[0][0] not in ids and not any(is_number(cell) for cell in rows[0][1:]):
        header, *rows = rows
    if not any(row[0] in ids for row in rows):
        raise ValueError(
            f"{path}: no id there, such as {rows[0][0]!r}, is that of a file in the "
            f"folder, such as {min(ids)!r}. Ids stand first in a row, as files are "
            "named, zeros included, without the ending."
        )
    counts = Counter(row[0] for row in rows)
    twice = [name for name, n in counts.items() if n > 1]
    if twice:
        raise ValueError(
            f"{path}: {len(twice)} ids have several rows, the first {twice[0]!r}; keep "
            "one of each."
        )
    n_labels = len(header or rows[0]) - 1
    names = target_list(targets)
    columns = header[1:] if header else _columns(names, n_labels, path)
    if len(set(columns)) < len(columns):
        raise ValueError(
            f"{path}: the columns {columns} have one name twice; rename one."
        )
    unknown = [name for name in names or [] if name not in columns]
    if unknown:
        raise ValueError(
            f"targets: {path} has no column {unknown[0]!r}, only {columns}."
        )
    if names is None:
        _check_names(columns, path)
    index = pd.Index([row[0] for row in rows], dtype=object, name="id")
    table = pd.DataFrame([row[1:] for row in rows], index, columns, dtype=object)
    return table if names is None else table[names]


def _check_names(columns: list[str], path: Path) -> None:
    """Refuse a table that has a column which a Bunch has of its own, as a label."""
    for name in columns:
        if name in RESERVED:
            others = [other for other in columns if other not in RESERVED]
            raise ValueError(
                f"{path}: the column {name!r} cannot be a target, as the Bunch has "
                f"one of that name; choose others, such as targets={others}, or "
                "rename it."
            )


def _path(folder: Path, id_prop: str | None) -> Path | None:
    if id_prop is None or (folder / id_prop).is_file():
        return None if id_prop is None else folder / id_prop
    others = sorted(file.name for file in folder.glob("*.csv"))
    if id_prop != "id_prop.csv" or others:
        raise FileNotFoundError(
            f"{folder} has no {id_prop} (tables there: {others}); set "
            "`id_prop` to the file with labels, or to None to read crystals alone."
        )
    return None


def _rows(path: Path) -> list[list[str]]:
    rows = [
        [cell.strip() for cell in row]
        for row in csv.reader(read_text(path).splitlines())
    ]
    rows = [row for row in rows if any(row)]
    if not rows:
        raise ValueError(f"{path} is empty.")
    width = len(rows[0])
    for i, row in enumerate(rows):
        if len(row) != width or width < 2:
            raise ValueError(
                f"{path}: row {i + 1} ({','.join(row)}) has {len(row)} columns, the "
                f"first has {width}; each has an id and as many labels, with commas "
                "in between."
            )
    return rows


def _columns(names: list[str] | None, n_labels: int, path: Path) -> list[str]:
    """Names of the columns of labels, in a table that has none."""
    if names is None:
        return ["target"] if n_labels == 1 else [f"target_{i}" for i in range(n_labels)]
    if len(names) != n_labels:
        raise ValueError(
            f"targets has {len(names)} names, but {path} has {n_labels} columns of "
            "labels."
        )
    return names
