"""Named arrays in one file: written by safetensors, mapped by numpy."""

import json
import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

_DTYPES = {
    "U8": np.uint8,
    "I16": np.int16,
    "I32": np.int32,
    "I64": np.int64,
    "F32": np.float32,
}


def write_arrays(
    path: Path, arrays: dict[str, NDArray], metadata: dict[str, str]
) -> None:
    """Write arrays and text to `path`, complete or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        # A mapped column is a memmap over a read-only buffer, which save_file rejects.
        save_file(
            {name: np.ascontiguousarray(a) for name, a in arrays.items()},
            part,
            metadata=metadata,
        )
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def map_arrays(
    path: Path, expected_format: str
) -> tuple[dict[str, NDArray], dict[str, str]]:
    """Map the arrays of `path`, which stay on disk, and return its text."""
    try:
        # The library checks the header and that the file is as long as it says.
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except SafetensorError as error:
        raise ValueError(
            f"{path} is damaged or no file of graphs ({error}); make it again with "
            "CrystalGraphs.save."
        ) from error
    if metadata.get("format") != expected_format:
        raise ValueError(
            f"{path} is in the format {metadata.get('format')!r}, not "
            f"{expected_format!r}; make it again with CrystalGraphs.save."
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
    return arrays, metadata
