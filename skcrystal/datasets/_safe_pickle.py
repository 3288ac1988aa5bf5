"""Reader of pickled arrays that runs no code of the file."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray


def safe_unpickle_arrays(path: Path) -> dict[str, NDArray]:
    """Read the arrays of numbers in a pickled dict.

    A pickle is a program: `pickle.load` runs any function that it names. Here it
    may name only the functions that rebuild numpy arrays.

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
            arrays = {
                name: value.array()
                for name, value in getattr(content, "items", tuple)()
                if isinstance(value, _Reconstructed)
            }
        except Exception as error:  # a damaged pickle may raise nearly anything
            raise ValueError(f"{path.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path.name} holds a {type(content).__name__}, not a dict")
    return {name: array for name, array in arrays.items() if array.dtype.kind in "biuf"}


class _Array:
    """Stands for ``numpy.ndarray``, which a pickle could call with any arguments."""


class _Type:
    """Stands for a ``numpy.dtype``, whose state a pickle sets.

    That of a real one holds flags that say whether its numbers are addresses of
    objects, and a pickle could have them followed. Of the state only the byte order is
    read.
    """

    def __init__(self, name: str, *_: Any) -> None:
        self._name, self._order = str(name), "="

    def __setstate__(self, state: tuple) -> None:
        self._order = str(state[1])

    def make(self) -> np.dtype:
        """The type, of numbers or text alone."""
        order: Literal["<", ">", "="] = _BYTE_ORDERS.get(self._order, "=")
        dtype = np.dtype(self._name).newbyteorder(order)
        if dtype.kind not in "biufSU":
            raise pickle.UnpicklingError(f"it holds an array of {self._name}")
        return dtype


_BYTE_ORDERS: dict[str, Literal["<", ">"]] = {"<": "<", ">": ">"}


class _Reconstructed:
    """Stands for an array whose state a pickle sets: ``array()`` makes it."""

    def __init__(self, *_: Any) -> None:
        self._state: tuple | None = None

    def __setstate__(self, state: tuple) -> None:
        self._state = state

    def array(self) -> NDArray:
        if self._state is None:
            raise pickle.UnpicklingError("it holds an array without content")
        _, shape, dtype, is_fortran, content = self._state
        if not isinstance(dtype, _Type) or not isinstance(content, bytes):
            raise pickle.UnpicklingError("it holds an array of objects")
        return _from_buffer(content, dtype, shape, "F" if is_fortran else "C").array()


class _Buffered(_Reconstructed):
    """Stands for an array that is given with its content."""

    def __init__(self, array: NDArray) -> None:
        self._array = array

    def array(self) -> NDArray:
        return self._array


def _from_buffer(
    buffer: Any, dtype: Any, shape: Any, order: Literal["C", "F"]
) -> _Buffered:
    if not isinstance(dtype, _Type):
        raise pickle.UnpicklingError("it holds an array of objects")
    sizes = tuple(int(size) for size in shape)
    flat = np.frombuffer(bytes(buffer), dtype=dtype.make())
    return _Buffered(flat.reshape(sizes, order=order).copy())


def _encode(text: str, encoding: str) -> bytes:
    # So bytes are written in pickles of old protocols.
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding}")
    return text.encode("latin1")


# Under the names of numpy 1 and 2
_ADMITTED = {
    ("_codecs", "encode"): _encode,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Type,
    ("numpy.core.multiarray", "_reconstruct"): _Reconstructed,
    ("numpy._core.multiarray", "_reconstruct"): _Reconstructed,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
}


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that admits numpy's arrays and their types alone."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ADMITTED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, which no array needs"
            ) from None
