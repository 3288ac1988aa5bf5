"""Pickles that hold arrays, read without running what else they may hold."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def read_arrays(path: Path) -> dict[str, NDArray]:
    """Read the arrays of numbers in a pickled dict.

    A pickle is a program: `pickle.load` runs whatever it names. Here it may name
    nothing but what puts numpy arrays together.

    Parameters
    ----------
    path : Path

    Returns
    -------
    dict of str to ndarray
        Other values that the dict may hold, such as text, are left out.

    Raises
    ------
    ValueError
        If the file is damaged, names anything else, or holds no dict.
    """
    with path.open("rb") as file:
        try:
            content = _ArrayUnpickler(file).load()
        except Exception as error:  # a damaged pickle may raise nearly anything
            raise ValueError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds a {type(content).__name__}, not a dict")
    return {
        name: array
        for name, array in content.items()
        if isinstance(array, np.ndarray) and array.dtype.kind in "biuf"
    }


class _Array:
    """Stands for ``numpy.ndarray``, which a pickle could call with any arguments."""


def _reconstruct(_: Any, shape: tuple[int, ...], dtype: Any) -> NDArray:
    # Pickles make an empty array first, and then set its state.
    return np.empty(0, np.uint8)


def _from_buffer(
    buffer: bytes, dtype: np.dtype, shape: tuple[int, ...], order: str
) -> NDArray:
    return np.frombuffer(buffer, dtype=dtype).reshape(shape, order=order)


def _dtype(name: str, *_: Any) -> np.dtype:
    # A copy, since pickles set the state of what they get, byte order for one.
    return np.dtype(name, copy=True)


# Under the names of numpy 1 and 2
_ADMITTED = {
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Admits numpy's arrays and their types."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which no array needs"
            ) from None
