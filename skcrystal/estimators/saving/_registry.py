"""Classes whose fitted models can be saved and loaded, by name."""

from __future__ import annotations

import inspect
import sys

_PACKAGE = __name__.partition(".")[0]
_CLASSES: dict[str, type] = {}


def register(cls: type) -> None:
    """Add a class of this package; classes defined elsewhere are not loadable."""
    if cls.__module__.partition(".")[0] == _PACKAGE:
        _CLASSES[cls.__name__] = cls


def find_class(name: str) -> type | None:
    """Class of that name that is not abstract; None if there is none."""
    package = sys.modules[_PACKAGE]
    if name not in _CLASSES and name in package.__all__:
        # Public names are lazy: access imports the class, which registers itself.
        getattr(package, name)
    found = _CLASSES.get(name)
    return None if found is None or inspect.isabstract(found) else found


def class_names() -> list[str]:
    """Names of all public classes that can be saved."""
    return [name for name in sys.modules[_PACKAGE].__all__ if find_class(name)]
