"""One crystal out of one text or file, recognised by its content."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifParser

from ...graphs._structures import iter_crystals
from ._packed import atomic_numbers, has_volume, pack, pack_arrays
from ._plain_cif import plain_cif

_OPEN: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_FORMS = "CIF, POSCAR, JSON of a pymatgen or JARVIS dictionary, extended XYZ"


class Text(NamedTuple):
    """A parsed text."""

    packed: bytes
    remarks: list[str]  # guesses and repairs of the reader


def read_text(path: Path) -> str:
    """Content of a text file, which may be compressed.

    CIFs of old are in Latin-1, with names that UTF-8 cannot read: any byte is a
    character there, and none of them is in the crystal data.
    """
    with _OPEN.get(path.suffix.lower(), open)(path, "rb") as file:
        data = file.read()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse_text(text: str) -> Text:
    """Read a crystal.

    Raises
    ------
    Exception
        Of any kind, as readers of formats raise, if the text has no crystal.
    """
    text = text.removeprefix("\ufeff")  # how Windows marks Unicode
    if not text.strip():
        raise ValueError("it is empty")
    if text.lstrip()[0] in "{[":
        return Text(parse_dict(json.loads(text)), [])
    if _looks_like_poscar(text):
        return _parse_poscar(text)
    if re.search(r"^\s*data_", text, re.MULTILINE | re.IGNORECASE):
        return _parse_cif(text)
    if _looks_like_xyz(text):
        return _parse_xyz(text)
    start = text.strip()[:40]
    raise ValueError(f"none of {_FORMS}; it starts with {start!r}")


def parse_dict(record: Any) -> bytes:
    """Read a crystal out of pymatgen's or JARVIS's form of a dictionary."""
    if not isinstance(record, dict):
        raise ValueError(f"a {type(record).__name__}, where a dictionary is expected")
    if any(isinstance(value, np.ndarray) for value in record.values()):
        record = _lists(record)  # out of parquet come arrays of arrays
    if "lattice_mat" in record:
        return _parse_jarvis(record)
    if "lattice" in record and "sites" in record:
        return _parse_pymatgen(record["lattice"], record["sites"])
    raise ValueError(
        "a dictionary of neither pymatgen (lattice, sites) nor JARVIS (lattice_mat, "
        f"coords, elements); it has the keys {list(record)[:8]}"
    )


def pack_atoms(atoms: Any) -> bytes:
    """Pack ASE's form of a crystal, with its cell if that has a volume."""
    (arrays,) = iter_crystals([atoms])  # where open directions have unit vectors
    cell = np.array(atoms.cell, dtype=np.float64)
    lattice = cell if has_volume(cell) else arrays.lattice
    return pack_arrays(
        lattice,
        arrays.atomic_numbers,
        np.linalg.solve(lattice.T, arrays.positions.T).T,
        arrays.pbc,
    )


def _parse_cif(text: str) -> Text:
    parser: Any = CifParser.from_str(text)  # sets attributes that its class lacks
    packed = plain_cif(parser)
    if packed is not None:
        return Text(packed, parser.warnings)
    try:
        structures = parser.parse_structures(primitive=False)
    except ValueError as error:
        # The exception does not say why, but the last of these does
        raise ValueError("; ".join([str(error), *parser.warnings[-1:]])) from error
    remarks = list(parser.warnings)
    if len(structures) > 1:
        remarks.append(f"it holds {len(structures)} crystals: the first was taken")
    return Text(pack(structures[0]), remarks)


def _looks_like_poscar(text: str) -> bool:
    """Whether a scale or three, and then a lattice vector, follow the first line."""
    lines = text.split("\n", 3)
    return len(lines) > 3 and (
        _n_numbers(lines[1]) in (1, 3) and _n_numbers(lines[2]) == 3
    )


def _n_numbers(line: str) -> int:
    """How many numbers a line starts with."""
    count = 0
    for word in line.split():
        try:
            float(word)
        except ValueError:
            break
        count += 1
    return count


def _parse_poscar(text: str) -> Text:
    from pymatgen.io.vasp.inputs import Poscar  # takes a tenth of a second

    text = text.replace("\r\n", "\n")
    poscar = Poscar.from_str(text, read_velocities=False)
    if not poscar.true_names:
        raise ValueError("it names no elements; VASP 5 writes them in line 6")
    return Text(pack(poscar.structure), [])


def _looks_like_xyz(text: str) -> bool:
    lines = text.split("\n", 2)
    return len(lines) > 1 and lines[0].strip().isdigit() and "attice" in lines[1]


def _parse_xyz(text: str) -> Text:
    try:
        from ase.io import read
    except ImportError as error:
        raise ImportError(
            "extended XYZ needs ASE: pip install skcrystal[ase]"
        ) from error
    frames = read(io.StringIO(text), format="extxyz", index=":")
    remarks = []
    if len(frames) > 1:
        remarks.append(f"it holds {len(frames)} crystals: the first was taken")
    return Text(pack_atoms(frames[0]), remarks)


def _parse_pymatgen(lattice: dict[str, Any], sites: list[dict[str, Any]]) -> bytes:
    species = [site["species"] for site in sites]
    numbers = atomic_numbers()
    if all(len(s) == 1 and s[0].keys() <= {"element", "occu"} for s in species) and all(
        s[0]["element"] in numbers and s[0]["occu"] == 1 for s in species
    ):
        return pack_arrays(
            lattice["matrix"],
            [numbers[s[0]["element"]] for s in species],
            [site["abc"] for site in sites],
            lattice.get("pbc", (True, True, True)),
        )
    # Properties of sites may name any class of any module, which would be imported.
    bare = [{"species": site["species"], "abc": site["abc"]} for site in sites]
    return pack(Structure.from_dict({"lattice": lattice, "sites": bare}))


def _lists(value: Any) -> Any:
    """Lists in the place of arrays, however deep."""
    if isinstance(value, dict):
        return {key: _lists(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray | list):
        return [_lists(entry) for entry in value]
    return value


def _parse_jarvis(record: dict[str, Any]) -> bytes:
    structure = Structure(
        Lattice(record["lattice_mat"]),
        [str(element).strip() for element in record["elements"]],
        record["coords"],
        coords_are_cartesian=bool(record.get("cartesian", False)),
    )
    return pack(structure)
