"""Graphs in one file: written by safetensors, mapped by numpy."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ._columns import State, flatten, unflatten
from ._settings import GraphSettings

_FORMAT = "skcrystal-graphs-2"
_DTYPES = {
    "U8": np.uint8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "F32": np.float32,
}


def write_state(path: Path, state: State) -> None:
    """Write graphs to `path`, complete or not at all."""
    settings = json.dumps(state.settings and asdict(state.settings))
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # A mapped column is a memmap over a read-only buffer, which save_file rejects.
        save_file(
            {
                name: np.ascontiguousarray(array)
                for name, array in flatten(state.columns, state.counts).items()
            },
            part,
            metadata={"format": _FORMAT, "settings": settings},
        )
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def map_state(path: Path) -> State:
    """Map the graphs of `path`, whose columns stay on disk.

    Raises
    ------
    ValueError
        If the file is not one of ours, or is cut short.
    """
    try:
        # The library checks the header and that the file is as long as it says.
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is damaged or no file of graphs ({error}); make it again with "
            "CrystalGraphs.save."
        ) from error
    if metadata.get("format") != _FORMAT:
        raise ValueError(
            f"{path} is in the format {metadata.get('format')!r}, not "
            f"{_FORMAT!r}; make it again with CrystalGraphs.save."
        )
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
    arrays: dict[str, NDArray] = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        start, end = entry["data_offsets"]
        dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
        if start == end:  # an empty file region cannot be mapped
            arrays[name] = np.empty(shape, dtype)
        else:
            arrays[name] = np.memmap(
                path, dtype, mode="r", offset=8 + size + start, shape=shape
            )
    settings = json.loads(metadata["settings"])
    return State(*unflatten(arrays), settings and GraphSettings(**settings))
