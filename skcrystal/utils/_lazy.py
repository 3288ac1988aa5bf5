"""Public names of a package, imported when they are first used."""

from __future__ import annotations

import ast
import pkgutil
from collections.abc import Callable
from typing import Any

import lazy_loader


def attach_stub(
    package: str,
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Give a package ``__getattr__``, ``__dir__`` and ``__all__`` from its stub.

    The stub ``__init__.pyi`` lists public names in the form that type checkers read:
    ``from ._module import Name as Name``, ``from . import package``, and,
    beyond the forms that lazy-loader takes, ``from .package import *`` for all names of
    a sub-package with a stub of its own.

    Parameters
    ----------
    package : str
        Its ``__name__``.

    Returns
    -------
    tuple
        ``__getattr__``, ``__dir__``, ``__all__``; the last without sub-packages.

    Raises
    ------
    ImportError
        If the stub is not installed.
    """
    packages, names = _read_stub(package, "")
    getattr_, dir_, _ = lazy_loader.attach(package, packages, names)
    return getattr_, dir_, sorted(name for group in names.values() for name in group)


def _read_stub(package: str, folder: str) -> tuple[set[str], dict[str, list[str]]]:
    """Sub-packages, and names by the module that has them."""
    packages: set[str] = set()
    names: dict[str, list[str]] = {}
    for node in ast.parse(_stub(package, f"{folder}__init__.pyi")).body:
        if not isinstance(node, ast.ImportFrom) or node.level != 1:
            continue
        given = [a.name for a in node.names if a.name != "__version__"]
        if node.module is None:
            packages |= set(given)
        elif given == ["*"]:
            inner = f"{folder}{node.module.replace('.', '/')}/"
            _, below = _read_stub(package, inner)
            for module, found in below.items():
                names[f"{node.module}.{module}"] = found
        else:
            names.setdefault(node.module, []).extend(given)
    return packages, names


def _stub(package: str, path: str) -> bytes:
    """Content of a stub, also where the package is in a zip file."""
    try:
        content = pkgutil.get_data(package, path)
    except OSError:
        content = None
    if content is None:
        raise ImportError(
            f"{package} is installed without its file {path}, which lists its public "
            "names; install the whole package, with its .pyi files."
        )
    return content
