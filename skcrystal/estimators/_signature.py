"""Signature, constraints and documentation of classes whose parameters are spread."""

from __future__ import annotations

import inspect
import re
from typing import Any, TypeVar

T = TypeVar("T", bound=type)

# Of what is documented and listed first; then what the most special class adds.
_FIRST = ("hidden_dim", "n_layers")


def share_parameters(cls: T) -> T:
    """Complete a class whose parameters are spread over its base classes.

    scikit-learn, editors and ``help`` read parameters from the signature of
    ``__init__``. Base classes take by name what they add, and hand on the rest as
    ``**shared``; the class gets an ``__init__`` that lists all, and all constraints. A
    name that none knows is refused by the last of them.

    In the docstring, ``%(parameters)s`` and ``%(attributes)s`` are filled from the
    docstrings of the base classes; a docstring without them is followed by the
    ``_sections`` of a base class, which have them.

    Parameters
    ----------
    cls : type
        A class without ``__init__`` of its own.

    Returns
    -------
    type
        The same class.
    """
    parameters: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" in vars(base):
            for parameter in inspect.signature(base.__init__).parameters.values():
                if parameter.kind is parameter.KEYWORD_ONLY:
                    # The most special class decides on the default.
                    parameters.setdefault(parameter.name, parameter)
    rest = [name for name in parameters if name not in _FIRST]
    listed = [*(name for name in _FIRST if name in parameters), *rest]

    def __init__(self: Any, **parameters: Any) -> None:
        super(cls, self).__init__(**parameters)

    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = inspect.Signature(
        [this, *(parameters[name] for name in listed)]
    )
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.__module__ = cls.__module__
    cls.__init__ = __init__
    cls._parameter_constraints = {
        name: constraint
        for base in reversed(cls.__mro__)
        for name, constraint in vars(base).get("_parameter_constraints", {}).items()
    }
    if cls.__doc__:  # python -OO strips docstrings
        defaults = {name: parameters[name].default for name in listed}
        doc = inspect.cleandoc(cls.__doc__)
        if "%(parameters)s" not in doc:
            doc += cls._sections
        cls.__doc__ = doc % {
            "architecture": cls.__name__.removesuffix("Classifier"),
            "parameters": _entries(cls, "Parameters", listed) % defaults,
            "attributes": _entries(cls, "Attributes"),
        }
    return cls


def _entries(cls: type, title: str, names: list[str] | None = None) -> str:
    """Collect the entries of a section over the base classes of `cls`."""
    found: dict[str, str] = {}
    for base in cls.__mro__[1:]:
        text = inspect.cleandoc(vars(base).get("__doc__") or "")
        until_next = rf"^{title}\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)"
        section = re.search(until_next, text, re.M | re.S)
        if section:
            for entry in re.split(r"^(?=\w)", section[1].strip(), flags=re.M):
                if entry:
                    found.setdefault(entry.split(" :")[0], entry.rstrip())
    return "\n".join(found[name] for name in (names or found) if name in found)
