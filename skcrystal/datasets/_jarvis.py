"""Data sets of JARVIS-DFT, downloaded."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from ._bunch import make_bunch
from ._download import download
from ._json_stream import JsonStream
from ._labels import NumericColumns
from .parsing._records import Arrays, cached_arrays, pack_records, unpack_records

_URL = "https://ndownloader.figshare.com/files/"
_JARVIS_TARGETS = ("formation_energy_peratom", "optb88vdw_bandgap")


class _Set(NamedTuple):
    """Published facts of a data set."""

    number: int  # of the file at figshare
    member: str  # the file in the zip; with ".zip", the file here
    n_crystals: int
    about: str
    key: str = "jid"
    targets: tuple[str, ...] = _JARVIS_TARGETS


_BULK = "Bulk crystals of JARVIS-DFT, relaxed by OptB88vdW, as of {}"
_LAYERS = "Layers of JARVIS-DFT, relaxed by OptB88vdW, as of {}"
# Names, numbers and members are those of jarvis-tools 2026.6.12, jarvis/db/figshare.py,
# numbers of crystals those of its documentation, docs/databases.md. No checksums are
# known to be published. The check is that the zip is whole, by its own checksums,
# and holds that member with about so many crystals, names and default targets.
_SETS = {
    "dft_3d_2021": _Set(
        29204826, "jdft_3d-8-18-2021.json", 55_723, _BULK.format("August 2021")
    ),
    "dft_3d_2022": _Set(
        38521619, "jdft_3d-12-12-2022.json", 75_993, _BULK.format("December 2022")
    ),
    "dft_3d": _Set(
        64391379, "jdft_3d-9-24-2025.json", 94_000, _BULK.format("September 2025")
    ),
    "dft_2d_2021": _Set(
        26808917, "d2-3-12-2021.json", 1_079, _LAYERS.format("March 2021")
    ),
    "dft_2d": _Set(
        38521268, "d2-12-12-2022.json", 1_109, _LAYERS.format("December 2022")
    ),
    "megnet": _Set(
        26724977,
        "megnet.json",
        69_239,
        "Materials Project crystals of 2018, with which MEGNet was trained",
        "id",
        ("e_form", "gap pbe"),
    ),
}
_NO_NUMBERS = ("atoms", "formula")
# Its documentation gives rounded numbers, and pages differ by some crystals.
_TOLERANCE = 0.02
_DESCR = """\
{name}

{about}: {n:,} crystals.

Targets: {targets}. NaN where the file has "na", not computed. `frame` has every
column of numbers, among them, where the set has them

formation_energy_peratom, ehull    eV/atom, by OptB88vdW
optb88vdw_bandgap                  eV, by OptB88vdW; 0 for metals
mbj_bandgap, hse_gap               eV, by Tran and Blaha's modified Becke-Johnson
                                   potential, and by HSE06
bulk_modulus_kv, shear_modulus_gv  GPa, Voigt's means
exfoliation_energy                 meV/atom
magmom_oszicar, magmom_outcar      Bohr magnetons a cell
slme                               %, spectroscopic limited maximum efficiency
spillage                           no unit, of spin-orbit coupling
Tc_supercon                        K
e_form, gap pbe                    eV/atom and eV, by PBE (megnet)

For other columns see jarvis-materials-design.github.io/dbdocs.

Source: figshare.com, file {number} ({member}), as jarvis-tools downloads it.
Reference: K. Choudhary et al., npj Comput. Mater. 6, 173 (2020); of megnet also C. Chen
et al., Chem. Mater. 31, 3564 (2019).
"""


def fetch_jarvis(
    name: str = "dft_3d_2021",
    *,
    target: str | Sequence[str] | None = None,
    dropna: bool = False,
    data_home: str | PathLike | None = None,
    return_X_y: bool = False,
    as_frame: bool = False,
    verbose: bool = False,
) -> Any:
    """Download a data set of JARVIS-DFT, once.

    Files and names are those of jarvis-tools [1]_.

    ============  ========  ==============================================
    Name          Crystals  Content
    ============  ========  ==============================================
    dft_3d_2021     55,723  bulk crystals, with which most published
                            figures were made
    dft_3d_2022     75,993  bulk crystals
    dft_3d          94,000  bulk crystals, of September 2025
    dft_2d_2021      1,079  layers
    dft_2d           1,109  layers, of December 2022
    megnet          69,239  Materials Project of 2018, PBE labels
    ============  ========  ==============================================

    The first call parses the file, one crystal at a time, and caches the crystals
    next to the file. No checksums of the files are published: they are taken if the zip
    is whole and holds about as many crystals as it should, with names and targets.

    Parameters
    ----------
    name : str, default="dft_3d_2021"
        Name of the data set. "dft_3d" and "dft_2d" have the meaning of
        jarvis-tools 2026.6; in its earlier versions they meant earlier files.
    target : str or sequence of str, optional
        Columns of the file, any that hold numbers; by default
        "formation_energy_peratom" in eV/atom and "optb88vdw_bandgap" in eV, of "megnet"
        "e_form" and "gap pbe".
    dropna : bool, default=False
        Whether to leave out crystals of which a target was not computed. Otherwise
        it is NaN.
    data_home : str or Path, optional
        Folder in which files are cached; by default the user's cache folder, in
        ``skcrystal/jarvis``.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give `data` as a Series and `target` as a DataFrame (a Series, if there is one
        target), indexed by JARVIS's names of crystals.
    verbose : bool, default=False
        Whether to show how far parsing is.

    Returns
    -------
    data : Bunch
        data : list (or Series) of n pymatgen Structures
        target : ndarray (or DataFrame) of shape (n,) of one target, (n, n_targets) of
            several
        target_names : list of str
        groups : ndarray of shape (n,)
            Reduced formulas.
        frame : DataFrame
            Structures, formulas and all columns of numbers, indexed by names such as
            "JVASP-1002".
        DESCR : str
            Units, source and citation.
    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If the data set or the column is unknown.
    OSError
        If the file cannot be downloaded, or is another. The message gives its address
        and where to copy it to by hand.

    References
    ----------
    .. [1] K. Choudhary et al., "The joint automated repository for various integrated
       simulations (JARVIS) for data-driven materials design", npj Comput. Mater. 6, 173
       (2020).
    """
    if name not in _SETS:
        raise ValueError(f"name={name!r} is none of {', '.join(_SETS)}.")
    import pooch

    published = _SETS[name]
    folder = Path(data_home or pooch.os_cache("skcrystal") / "jarvis")

    def read(path: Path) -> Arrays:
        digest = pooch.file_hash(str(path))
        return cached_arrays(
            folder / f"{published.member.removesuffix('.json')}.npz",
            digest,
            lambda: _parse(path, published, verbose),
        )

    path = folder / f"{published.member}.zip"
    download(f"{_URL}{published.number}", path, check=read)
    arrays = read(path)
    targets = _targets(target, arrays, published)
    frame = _frame(arrays)
    if dropna:
        frame = frame.dropna(subset=targets)
    descr = _DESCR.format(
        name=name,
        about=published.about,
        n=len(frame),
        targets=", ".join(targets),
        number=published.number,
        member=published.member,
    )
    return make_bunch(
        frame, targets, DESCR=descr, return_X_y=return_X_y, as_frame=as_frame
    )


def _targets(
    target: str | Sequence[str] | None, arrays: Arrays, published: _Set
) -> list[str]:
    if target is None:
        return list(published.targets)
    targets = [target] if isinstance(target, str) else list(target)
    columns = arrays["columns"].tolist()
    for column in targets:
        if column not in columns:
            raise ValueError(
                f"target={column!r} is not a column of numbers; there are "
                f"{', '.join(columns)}."
            )
    if not targets:
        raise ValueError("target=[] names no column.")
    return targets


def _frame(arrays: Arrays) -> pd.DataFrame:
    index = pd.Index(arrays["names"].astype(object), name="jid")
    crystals = pd.Series(list(unpack_records(arrays)), index, dtype=object)
    table = pd.DataFrame(arrays["table"].T, index, columns=arrays["columns"].tolist())
    formula = pd.Series(arrays["formula"].astype(object), index)
    frame = pd.DataFrame({"structure": crystals, "formula": formula})
    return pd.concat([frame, table], axis=1)


def _parse(path: Path, published: _Set, verbose: bool) -> Arrays:
    """Read a zip; a ValueError, if it is damaged or another file."""
    names: list[str] = []
    columns = NumericColumns()

    def crystals(rows: Iterator[Any]) -> Iterator[Any]:
        for row in tqdm(
            rows,
            total=published.n_crystals,
            unit="crystal",
            desc=f"parsing {path.name}",
            disable=not verbose,
        ):
            names.append(str(row[published.key]))
            columns.add({k: v for k, v in row.items() if k not in _NO_NUMBERS})
            yield row["atoms"]

    try:
        with (
            ZipFile(path) as archive,
            archive.open(published.member) as file,
            io.TextIOWrapper(file, encoding="utf-8") as text,
        ):
            arrays = pack_records(crystals(JsonStream(text).items()))
            text.read()  # to the end, where the checksum is compared
    # Errors of a broken zip, broken JSON or another content
    except (BadZipFile, EOFError, KeyError, TypeError, ValueError, zlib.error) as error:
        raise ValueError(f"{path.name} is not {published.member}: {error}") from error
    off = abs(len(names) - published.n_crystals)
    if off > _TOLERANCE * published.n_crystals:
        raise ValueError(
            f"{path.name} holds {len(names):,} crystals, not about "
            f"{published.n_crystals:,}"
        )
    table = columns.table()
    for target in published.targets:
        if target not in table:
            raise ValueError(f"{path.name} has no numbers of {target!r}")
    return {
        **arrays,
        "names": np.array(names, dtype=np.str_),
        "columns": np.array(list(table), dtype=np.str_),
        "table": np.array(list(table.values()), dtype=np.float64),
    }
