"""Many crystals as a few arrays, cached next to the file that they were read from."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Composition, Element, Structure

from ...utils._files import write_atomically
from .._bunch import reduced_formula
from ._packed import pack_arrays, unpack
from ._text import parse_dict

_FORMAT = "skcrystal 1"  # a change of the arrays below is another number
_NUMBERS = {Element.from_Z(z).symbol: z for z in range(1, 119)}
Arrays = dict[str, NDArray[Any]]


def pack_records(records: Iterable[Any]) -> Arrays:
    """Pack crystals out of dictionaries.

    Parameters
    ----------
    records : iterable of n dict
        As pymatgen or JARVIS writes crystals.

    Returns
    -------
    dict
        packed : the crystals' bytes, one after another; ends : where each ends;
        formula : reduced formulas.

    Raises
    ------
    ValueError
        If a record is not a crystal.
    """
    packed, formulas = [], []
    with warnings.catch_warnings():
        # pymatgen orders elements by electronegativity, which noble gases have none of.
        warnings.filterwarnings("ignore", "No Pauling electronegativity", UserWarning)
        for i, record in enumerate(records):
            try:
                crystal, formula = _pack_plain(record) or _pack_any(record)
            except Exception as error:  # readers of dictionaries raise anything
                raise ValueError(f"crystal {i} cannot be read: {error!r}") from error
            packed.append(crystal)
            formulas.append(formula)
    return {
        "packed": np.frombuffer(b"".join(packed), np.uint8),
        "ends": np.cumsum([len(crystal) for crystal in packed], dtype=np.int64),
        "formula": np.array(formulas, dtype=np.str_),
    }


def unpack_records(arrays: Mapping[str, NDArray]) -> Iterator[Structure]:
    """Make the crystals again, one after another."""
    packed = arrays["packed"].tobytes()
    for start, end in pairwise([0, *arrays["ends"].tolist()]):
        yield unpack(packed[start:end])


def cached_arrays(path: Path, source: str, read: Callable[[], Arrays]) -> Arrays:
    """Return arrays from their cache, or read and cache them.

    Parameters
    ----------
    path : Path
        An npz file.
    source : str
        Checksum of the source. Arrays of another source are read anew.
    read : callable
        Reads them.
    """
    stamp = f"{_FORMAT} {source}"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if str(arrays["stamp"]) == stamp:
                return {key: arrays[key] for key in arrays.files if key != "stamp"}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        pass  # not there, or damaged
    arrays = read()
    try:
        with write_atomically(path) as part, part.open("wb") as unfinished:
            np.savez(unfinished, allow_pickle=False, stamp=np.array(stamp), **arrays)
    except OSError as error:
        warnings.warn(
            f"Crystals cannot be cached in {path} ({error}): the next call will parse "
            "them again.",
            stacklevel=4,
        )
    return arrays


def _pack_plain(record: Mapping[str, Any]) -> tuple[bytes, str] | None:
    """Pack a crystal of neutral whole atoms, ten times as fast as by way of pymatgen.

    None, if it is anything else.
    """
    if "lattice_mat" in record:
        if record.get("cartesian"):
            return None
        lattice, pbc = record["lattice_mat"], (True, True, True)
        symbols, coords = record["elements"], record["coords"]
    else:
        lattice = record["lattice"]["matrix"]
        pbc = record["lattice"].get("pbc", (True, True, True))
        sites = record["sites"]
        # [{"element": "Na", "occu": 1}], and no oxidation state or second element
        if any(
            len(site["species"]) != 1
            or len(site["species"][0]) != 2
            or site["species"][0].get("occu") != 1
            for site in sites
        ):
            return None
        symbols = [site["species"][0].get("element") for site in sites]
        coords = [site["abc"] for site in sites]
    numbers = [_NUMBERS[symbol] for symbol in symbols if symbol in _NUMBERS]
    if not numbers or np.shape(coords) != (len(symbols), 3):
        return None
    if len(numbers) != len(symbols):  # deuterium, or no element
        return None
    counts = {Element.from_Z(z): n for z, n in Counter(numbers).items()}
    formula = Composition(counts).reduced_formula
    return pack_arrays(lattice, numbers, coords, pbc), formula


def _pack_any(record: Any) -> tuple[bytes, str]:
    packed = parse_dict(record)
    return packed, reduced_formula(unpack(packed))
