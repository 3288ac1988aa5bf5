"""Conversion of parameters and fitted values to JSON and named arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...graphs import GraphSettings
from ..targets._scaler import TargetScaler

# The only classes of this package that are values; reading makes no others.
_RECORDS = {cls.__name__: cls for cls in (GraphSettings, TargetScaler)}
_NOT_FINITE = {"nan": np.nan, "inf": np.inf, "-inf": -np.inf}


class Writer:
    """Conversion of values to JSON, with arrays apart.

    Types that JSON lacks become a dict whose first key begins with ``$``.

    Attributes
    ----------
    arrays : dict of str to ndarray
        Arrays by name.
    left_out : dict of str to str
        Parameters that were not written, with the reason.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray] = {}
        self.left_out: dict[str, str] = {}

    def write(self, value: Any, place: str) -> Any:
        """Write a value; `place` names it among others.

        Raises
        ------
        TypeError
            If it is of a type that cannot be written.
        """
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, str):
            return str(value)  # numpy's strings too
        if isinstance(value, float):
            value = float(value)
            return value if np.isfinite(value) else {"$float": repr(value)}
        if isinstance(value, np.generic):
            return self.write(_to_python(value, place), place)
        if isinstance(value, PathLike | torch.device):
            return fspath(value) if isinstance(value, PathLike) else str(value)
        if isinstance(value, np.ndarray):
            return self._write_array(value, place)
        if isinstance(value, list | tuple):
            items = [self.write(v, f"{place}.{i}") for i, v in enumerate(value)]
            return {"$tuple": items} if isinstance(value, tuple) else items
        if isinstance(value, dict):
            return self._write_dict(value, place)
        if isinstance(value, pd.DataFrame):
            columns = value.to_dict("series").items()
            table = {k: self.write(v.to_numpy(), f"{place}.{k}") for k, v in columns}
            return {"$table": table}
        if is_dataclass(value) and type(value) is _RECORDS.get(type(value).__name__):
            names = [field.name for field in fields(value)]
            content = {n: self.write(getattr(value, n), f"{place}.{n}") for n in names}
            return {"$record": type(value).__name__, "fields": content}
        raise TypeError(f"{place} is a {type(value).__name__}, which JSON cannot hold")

    def _write_array(self, array: NDArray, place: str) -> Any:
        if array.dtype.kind in "biuf" and array.dtype.itemsize <= 8:
            while place in self.arrays:  # names may hold dots themselves
                place += "'"
            self.arrays[place] = array.copy(order="C")
            return {"$array": place}
        if array.dtype.kind == "U" and array.ndim == 1:
            return {"$strings": array.tolist()}
        if array.dtype == object and array.ndim == 1:
            return {"$objects": self.write(array.tolist(), place)}
        raise TypeError(f"{place} is an array of {array.dtype}, which no file holds")

    def _write_dict(self, value: dict, place: str) -> Any:
        if all(isinstance(k, str) and k[:1] != "$" for k in value):
            return {str(k): self.write(v, f"{place}.{k}") for k, v in value.items()}
        return {
            "$dict": [
                [self.write(k, place), self.write(v, f"{place}.{k}")]
                for k, v in value.items()
            ]
        }


class Reader:
    """Conversion of JSON and arrays of a `Writer` back to values.

    Parameters
    ----------
    arrays : dict of str to Tensor
        Arrays of the writer.
    """

    def __init__(self, arrays: Mapping[str, Tensor]) -> None:
        self.arrays = arrays

    def read(self, written: Any) -> Any:
        """Read a value.

        Raises
        ------
        ValueError
            If it is of a kind that is not known, or an array is missing.
        """
        if isinstance(written, list):
            return [self.read(value) for value in written]
        if not isinstance(written, dict):
            return written
        tag = next(iter(written), "")
        if tag[:1] != "$":
            return {key: self.read(value) for key, value in written.items()}
        content = written[tag]
        match tag:
            case "$float":
                return _NOT_FINITE[content]
            case "$tuple":
                return tuple(self.read(content))
            case "$dict":
                return {self.read(key): self.read(value) for key, value in content}
            case "$array":
                return self.array(content).numpy().copy()
            case "$strings":
                return np.array(content, dtype=np.str_)
            case "$objects":
                array = np.empty(len(content), dtype=object)
                array[:] = self.read(content)
                return array
            case "$table":
                return pd.DataFrame({k: self.read(v) for k, v in content.items()})
            case "$record":
                return _RECORDS[content](**self.read(written["fields"]))
        raise ValueError(f"it has values of the unknown kind {tag!r}")

    def array(self, name: str) -> Tensor:
        """Array of a name."""
        if name not in self.arrays:
            raise ValueError(f"the array {name!r} is missing")
        return self.arrays[name]

    def below(self, prefix: str) -> dict[str, Tensor]:
        """All arrays with a prefix, by the rest of their names."""
        return {
            name.removeprefix(prefix): array
            for name, array in self.arrays.items()
            if name.startswith(prefix)
        }


def _to_python(value: np.generic, place: str) -> Any:
    item = value.item()
    if isinstance(item, np.generic):  # long doubles are not converted
        raise TypeError(f"{place} is a {type(value).__name__}, which JSON cannot hold")
    return item
