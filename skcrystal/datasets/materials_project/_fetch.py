"""Crystals and labels of the Materials Project, downloaded once."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

import pandas as pd
from sklearn.utils import Bunch

from .._bunch import make_bunch
from ._client import ENDPOINT, find_key
from ._download import Row, from_disk, from_server, is_complete
from ._query import UNITS, SummaryFilters, check_count, check_fields, check_filters
from ._store import Store


def fetch_materials_project(
    *,
    fields: str | Sequence[str] = ("formation_energy_per_atom", "band_gap"),
    max_structures: int | None = None,
    random_state: int = 0,
    api_key: str | None = None,
    data_home: str | PathLike | None = None,
    refresh: bool = False,
    chunk_size: int = 500,
    verbose: bool = False,
    return_X_y: bool = False,
    as_frame: bool = False,
    **filters: Unpack[SummaryFilters],
) -> Any:
    """Download crystals and labels of the Materials Project that match a query, once.

    Ids of matching materials come first, then structures and labels in chunks, each of
    which is on disk when the next is requested. A download that breaks off is resumed
    by the next call of the same query. A finished query is read from disk: without a
    request, a key, or mp-api. If the database is updated in between, a query starts
    over, with a warning, so that all labels are of one release.

    Needs the extra ``mp``, and a key, which is free and never written anywhere.
    Filters are those of mp-api's summary search, under its names.

    ==============  ========================================================
    Order           by number of the id
    Disk            0.8 kB a crystal of 27 atoms: 0.2 GB for all 200,000
    Memory          1 kB an atom: 6 GB for all
    From disk       2,000 crystals of 27 atoms a second
    ==============  ========================================================

    Parameters
    ----------
    fields : str or sequence of str, default=("formation_energy_per_atom", "band_gap")
        Targets: numbers and flags of a summary, such as "energy_above_hull",
        "is_metal" or "total_magnetization". Averages of a modulus are
        "bulk_modulus.vrh", ".voigt" and ".reuss". `DESCR` gives the units.
    max_structures : int, optional
        Draw at most so many of the materials that match, at random: the first ids are
        older and simpler materials. A smaller draw is part of a larger one.
    random_state : int, default=0
        Which draw.
    api_key : str, optional
        Key from https://materialsproject.org/api; by default the environment variable
        MP_API_KEY, then PMG_MAPI_KEY of pymatgen's settings.
    data_home : str or Path, optional
        Cache folder, with a folder for each query; by default the user's cache
        folder, in ``skcrystal/materials-project``.
    refresh : bool, default=False
        Download again, even if the query is on disk. The old answer is replaced once
        the server has sent the matching ids.
    chunk_size : int, default=500
        Crystals a request, at most 1,000. More than about 600 ids do not fit in an
        address, and are requested in parts. A resumed query has its first size.
    verbose : bool, default=False
        Show a progress bar.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Give `data` as a Series and `target` as a DataFrame (a Series, if there is one
        target), indexed by material id.
    **filters
        Which materials match, by names of mp-api's summary search; several must all
        hold. Either end of a range ``(min, max)`` may be None, a number is an exact
        value, and one string may stand for a sequence of one.

        - elements, exclude_elements : elements that are all there, or none of which is.
        - chemsys : chemical systems, such as ``"Li-Fe-O"`` or ``"Si-*"``.
        - formula : formulas, such as ``"Fe2O3"``, ``"ABO3"`` or ``"Si*"``.
        - material_ids : ids, such as "mp-149".
        - num_sites, num_elements : ranges of atoms in the cell, and of elements.
        - crystal_system : such as "Cubic"; spacegroup_number : from 1 to 230.
        - formation_energy, energy_above_hull : ranges in eV/atom; band_gap : in eV.
        - is_stable, is_metal, theoretical : bool, the last for materials that were
          never reported in an experiment.
        - has_props : computed properties, such as "elasticity" or "dielectric".
          Without this, targets that few materials have are mostly NaN.
        - include_gnome : bool, default False. Materials of the GNoME set too: for use
          that is not commercial, and given only to those who agreed to its terms, so
          that another key finds other crystals.

    Returns
    -------
    data : Bunch
        data : list (or Series) of n pymatgen Structures
            As relaxed, with the database's properties of each site.
        target : ndarray of shape (n,) of one target, (n, n_targets) of several
            NaN where not reported; flags are 1 and 0.
        target_names : list of str
        groups : ndarray of shape (n,)
            Reduced formulas.
        frame : DataFrame
            Structure, targets and formula of each material id.
        missing : list of str
            Ids of `material_ids` that did not match, being unknown, deprecated or
            excluded by another filter; and ids that matched but came without a
            structure. A warning gives their number.
        database_version : str
        DESCR : str
            Units, version, date, query, licence and limits.
    (data, target) : tuple
        If `return_X_y`.

    Raises
    ------
    ImportError
        If mp-api is needed, and not installed.
    ValueError
        If a parameter is not allowed, the server does not accept the query,
        no material matches, or a key is needed and missing.
    PermissionError
        If the server refuses the key.
    OSError
        If the server does not answer. Chunks that have come stay on disk.

    Examples
    --------
    >>> from skcrystal.datasets import fetch_materials_project
    >>> bunch = fetch_materials_project(
    ...     fields="band_gap", elements="O", energy_above_hull=(0, 0.05),
    ...     num_sites=(None, 30), max_structures=2000,
    ... )  # doctest: +SKIP
    """
    targets = check_fields(fields)
    query = check_filters(filters)
    check_count("chunk_size", chunk_size, least=1, most=1000)
    seed = check_count("random_state", random_state, least=0)
    if max_structures is not None:
        max_structures = check_count("max_structures", max_structures, least=1)
    wanted = {
        "format": 1,  # of the files; raise it when they change
        "endpoint": os.environ.get("MP_API_ENDPOINT") or ENDPOINT,
        "query": query,
        "fields": sorted(targets),
        "max_structures": max_structures,
        "random_state": None if max_structures is None else seed,
    }
    store = Store(_folder(wanted, data_home))
    plan, loaded = (None, {}) if refresh else from_disk(store)
    if plan is None or not is_complete(plan, loaded):
        plan, loaded = from_server(
            store,
            wanted,
            plan=plan,
            loaded=loaded,
            key=find_key(api_key),
            chunk_size=chunk_size,
            verbose=verbose,
        )
    rows = [row for k in sorted(loaded) for row in loaded[k]]
    return _bunch(plan, rows, targets, return_X_y=return_X_y, as_frame=as_frame)


def _folder(wanted: Mapping[str, Any], data_home: str | PathLike | None) -> Path:
    """Folder of a query, named by a digest of query and server."""
    import pooch

    home = Path(data_home or pooch.os_cache("skcrystal") / "materials-project")
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode())
    return home / digest.hexdigest()[:16]


def _bunch(
    plan: Mapping[str, Any],
    rows: Sequence[Row],
    targets: Sequence[str],
    **form: bool,
) -> Bunch | tuple[Any, Any]:
    fields = plan["wanted"]["fields"]
    empty = [name for name, structure, _ in rows if structure is None]
    rows = [row for row in rows if row[1] is not None]
    missing = [*plan["unmatched"], *empty]
    if missing:
        warnings.warn(
            f"{len(plan['unmatched'])} of the `material_ids` do not match, and "
            f"{len(empty)} materials came without a structure: "
            f"{', '.join(missing[:5])}{', ...' if len(missing) > 5 else ''}. They are "
            "in `missing` of the Bunch.",
            stacklevel=3,
        )
    columns = {
        name: pd.Series([row[2][fields.index(name)] for row in rows], dtype=float)
        for name in targets
    }
    structures = pd.Series([row[1] for row in rows], dtype=object)
    frame = pd.DataFrame({"structure": structures, **columns})
    frame.index = pd.Index([row[0] for row in rows], name="material_id")
    return make_bunch(
        frame,
        targets,
        DESCR=describe(plan, frame[list(targets)]),
        missing=missing,
        database_version=plan["database_version"],
        **form,
    )


_TEXT = """\
{n:,} crystals of the Materials Project

Database version {version}, of {date}{draw}.
Query: {query}; no deprecated materials.

Targets, and how many crystals have them:
{targets}

Limits
- Labels change from release to release, with corrections, functionals and the hull:
  quote the version, and do not join sets of two.
- Formation energies and distances to the hull mix GGA, GGA+U and r2SCAN calculations
  (thermo type GGA_GGA+U_R2SCAN). Band gaps are of one of these functionals, not always
  the same, and as a rule too small.
- A target that is not reported is NaN. Flags are 1 and 0.
- Polymorphs of one formula resemble each other: split by `groups`.

Licence: CC BY 4.0{gnome}.
Source: materialsproject.org. Cite

A. Jain et al., "Commentary: The Materials Project: A materials genome approach to
accelerating materials innovation", APL Materials 1, 011002 (2013),
doi:10.1063/1.4812323.
"""


def describe(plan: Mapping[str, Any], targets: pd.DataFrame) -> str:
    """Describe an answer.

    Parameters
    ----------
    plan : mapping
        Query, date and release.
    targets : DataFrame
        A column a target, NaN where it is not reported.
    """
    query = plan["wanted"]["query"]
    n_matching, reported = plan["n_matching"], targets.notna().sum()
    return _TEXT.format(
        n=len(targets),
        version=plan["database_version"],
        date=plan["date"],
        draw=f", drawn from {n_matching:,} that match"
        if n_matching > len(plan["ids"])
        else "",
        query=json.dumps(query),
        targets="\n".join(
            f"- {name} ({UNITS[name]}): {reported[name]:,}" for name in targets
        ),
        gnome="; of materials from GNoME, CC BY-NC 4.0"
        if query["include_gnome"]
        else "",
    )
