"""Registry of the classes whose fitted models can be saved."""

from __future__ import annotations

import inspect
from importlib import import_module

_PACKAGE = __name__.partition(".")[0]
_CLASSES: dict[str, type] = {}


def register(cls: type) -> None:
    """Register a class of this package; a user's own class could not be found again."""
    if cls.__module__.partition(".")[0] == _PACKAGE:
        _CLASSES[cls.__name__] = cls


def find_class(name: str) -> type | None:
    """Class of a name, imported if it was not used yet; None if there is none.

    Only public classes of the package are found, and none that is abstract.
    """
    # Public names are imported on first use, which registers a class.
    package = import_module(_PACKAGE)
    if name not in package.__all__:
        return None
    getattr(package, name)
    found = _CLASSES.get(name)
    return None if found is None or inspect.isabstract(found) else found


def class_names() -> list[str]:
    """Names of all classes whose models can be saved."""
    return [name for name in import_module(_PACKAGE).__all__ if find_class(name)]
