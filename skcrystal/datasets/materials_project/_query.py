"""Filters and fields of a query: checks, and one form for each."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypedDict

import numpy as np

_FLAG = "1 if so, 0 if not"
# Numbers and flags of a summary, with their units
UNITS = {
    "formation_energy_per_atom": "eV/atom",
    "energy_above_hull": "eV/atom",
    "energy_per_atom": "eV/atom, total energy with corrections",
    "uncorrected_energy_per_atom": "eV/atom, total energy as computed",
    "equilibrium_reaction_energy_per_atom": "eV/atom, of stable materials",
    "is_stable": _FLAG,
    "band_gap": "eV, 0 for metals",
    "cbm": "eV",
    "vbm": "eV",
    "efermi": "eV",
    "is_gap_direct": _FLAG,
    "is_metal": _FLAG,
    "is_magnetic": _FLAG,
    "total_magnetization": "μB a cell",
    "total_magnetization_normalized_vol": "μB/Å³",
    "total_magnetization_normalized_formula_units": "μB a formula unit",
    "num_magnetic_sites": "number",
    "num_unique_magnetic_sites": "number",
    **{
        f"{modulus}_modulus.{average}": "GPa"
        for modulus in ("bulk", "shear")
        for average in ("voigt", "reuss", "vrh")
    },
    "universal_anisotropy": "no unit",
    "homogeneous_poisson": "no unit",
    "e_total": "no unit, relative permittivity",
    "e_ionic": "no unit, relative permittivity",
    "e_electronic": "no unit, relative permittivity",
    "n": "no unit, refractive index",
    "e_ij_max": "C/m²",
    "weighted_surface_energy": "J/m²",
    "weighted_work_function": "eV",
    "surface_anisotropy": "no unit",
    "shape_factor": "no unit",
    "has_reconstructed": _FLAG,
    "density": "g/cm³",
    "density_atomic": "Å³/atom",
    "volume": "Å³ a cell",
    "nsites": "number",
    "nelements": "number",
    "theoretical": _FLAG,
}
Names = str | Sequence[str] | None
Range = float | tuple[float | None, float | None] | None


class SummaryFilters(TypedDict, total=False):
    """Filters of a summary search, see `fetch_materials_project`."""

    elements: Names
    exclude_elements: Names
    chemsys: Names
    formula: Names
    material_ids: Names
    num_sites: Range
    num_elements: Range
    crystal_system: str | None
    spacegroup_number: int | None
    formation_energy: Range
    energy_above_hull: Range
    band_gap: Range
    is_stable: bool | None
    is_metal: bool | None
    theoretical: bool | None
    has_props: Names
    include_gnome: bool


_ID = re.compile(r"([a-z]+)-(?:(\d+)|([a-z]+))")


def check_fields(fields: str | Sequence[str]) -> list[str]:
    """Names of targets, each once and known."""
    names = [fields] if isinstance(fields, str) else list(fields)
    for i, name in enumerate(names):
        if name not in UNITS:
            raise ValueError(
                f"fields[{i}]={name!r} is none of the numbers and flags that can be "
                f"targets: {', '.join(UNITS)}."
            )
        if name in names[:i]:
            raise ValueError(f"fields[{i}]={name!r} is there twice.")
    return names


def check_filters(filters: Mapping[str, Any]) -> dict[str, Any]:
    """Filters that were given, in one order and form, fit for JSON.

    Raises
    ------
    TypeError
        If a name is not that of a filter.
    ValueError
        If a value is not allowed.
    """
    for name in filters:
        if name not in SummaryFilters.__annotations__:
            close = difflib.get_close_matches(name, SummaryFilters.__annotations__, 1)
            raise TypeError(
                "fetch_materials_project() got an unexpected keyword argument "
                f"{name!r}" + (f"; did you mean {close[0]!r}?" if close else "")
            )
    given = {"include_gnome": False, **filters}
    checked = {
        name: _CHECKS.get(name, _check_text)(name, given[name])
        for name in SummaryFilters.__annotations__
        if given.get(name) is not None
    }
    return {"include_gnome": False, **checked}


def value(document: Mapping[str, Any], name: str) -> float | None:
    """A target of a summary; None if it is not reported."""
    found: Any = document
    for part in name.split("."):
        found = (found or {}).get(part)
    return None if found is None else float(found)


def check_range(name: str, given: Any) -> list[Any] | None:
    """``[min, max]`` of a number or a pair, either of which may be None."""
    if given is None:
        return None
    pair = [given, given] if _is_number(given) else given
    if (
        not isinstance(pair, (tuple, list))
        or len(pair) != 2
        or not all(end is None or _is_number(end) for end in pair)
        or any(end != end for end in pair)  # NaN
        or (None not in pair and pair[0] > pair[1])
    ):
        raise ValueError(
            f"{name}={given!r} is not a range: give a number, or (min, max), where "
            "None leaves an end open."
        )
    return [None if end is None else _plain(end) for end in pair]


def check_names(name: str, given: str | Sequence[str] | None) -> list[str] | None:
    """A sorted list of strings, of one or several."""
    if given is None:
        return None
    names = [given] if isinstance(given, str) else list(given)
    for i, one in enumerate(names):
        if not isinstance(one, str) or not one or "," in one:
            raise ValueError(f"{name}[{i}]={one!r} is not a name.")
        if name == "material_ids" and not _ID.fullmatch(one):
            raise ValueError(f'{name}[{i}]={one!r} is not an id such as "mp-149".')
    if not names:
        raise ValueError(f"{name} is empty. Leave it out to ask for all.")
    key = order if name == "material_ids" else None
    return sorted(set(names), key=key)


def check_count(name: str, given: Any, *, least: int, most: int | None = None) -> int:
    """An integer within limits."""
    whole = isinstance(given, Integral) and not isinstance(given, bool)
    if not whole or given < least or (most is not None and given > most):
        upper = "" if most is None else f" to {most}"
        raise ValueError(f"{name}={given!r} is not a whole number from {least}{upper}.")
    return int(given)


def check_flag(name: str, given: Any) -> bool | None:
    """True, False or None."""
    if given is not None and not isinstance(given, (bool, np.bool_)):
        raise ValueError(f"{name}={given!r} is neither True, False nor None.")
    return None if given is None else bool(given)


def order(material_id: str) -> tuple[str, float, str]:
    """Where an id is among all, by number: "mp-22" is before "mp-149".

    Newer ids write the number in letters: "mp-ft" is "mp-149".
    """
    if not (found := _ID.fullmatch(material_id)):
        return (material_id, float("inf"), material_id)
    prefix, digits, letters = found.groups()
    number = int(digits or 0)
    for letter in letters or "":
        number = 26 * number + ord(letter) - ord("a")
    return (prefix, number, "")


def _plain(given: Any) -> int | float:
    """A number of Python's own, which JSON can hold."""
    return int(given) if isinstance(given, Integral) else float(given)


def _is_number(given: Any) -> bool:
    return isinstance(given, Real) and not isinstance(given, bool)


def _check_text(name: str, given: Any) -> str:
    if not isinstance(given, str):
        raise ValueError(f"{name}={given!r} is not a string.")
    return given


def _check_spacegroup(name: str, given: Any) -> int:
    return check_count(name, given, least=1, most=230)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    **dict.fromkeys(
        (
            "elements",
            "exclude_elements",
            "chemsys",
            "formula",
            "material_ids",
            "has_props",
        ),
        check_names,
    ),
    **dict.fromkeys(
        (
            "num_sites",
            "num_elements",
            "formation_energy",
            "energy_above_hull",
            "band_gap",
        ),
        check_range,
    ),
    **dict.fromkeys(
        ("is_stable", "is_metal", "theoretical", "include_gnome"), check_flag
    ),
    "spacegroup_number": _check_spacegroup,
}
