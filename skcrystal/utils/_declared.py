"""Classes that declare parameters; one signature and docstring from all of them."""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar, dataclass_transform

# Documented and listed first; then those of the most special class.
_FIRST = ("hidden_dim", "n_layers")


@dataclass_transform(eq_default=False, kw_only_default=True)
class Declaring:
    """Base of classes that declare parameters.

    A parameter is a line ``name: type = default`` in the body of a class; an attribute
    that is not a parameter is a ``ClassVar`` or has no annotation. A class without
    ``__init__`` of its own gets one that takes all parameters of its base classes by
    name and stores them, with a signature that lists them, for scikit-learn and
    ``help``. Type checkers and editors infer the same one from the same lines.
    """

    _parameter_constraints: ClassVar[dict[str, list]]
    # Follow a docstring that has no sections.
    _sections: ClassVar[str] = ""

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        inherited = inspect.getattr_static(cls, "__init__")
        if inherited is object.__init__ or hasattr(inherited, "__signature__"):
            type.__setattr__(cls, "__init__", _make_init(cls))


T = TypeVar("T", bound=Declaring)


def share_parameters(cls: type[T]) -> type[T]:
    """Complete a class whose parameters are spread over its base classes.

    It gets the constraints of all. In the docstring, ``%(parameters)s`` and
    ``%(attributes)s`` are filled from the docstrings of the base classes; a docstring
    without them is followed by the ``_sections`` of a base class, which have them.

    Parameters
    ----------
    cls : type
        A class without ``__init__`` of its own.

    Returns
    -------
    type
        The same class.
    """
    cls._parameter_constraints = {
        name: constraint
        for base in reversed(cls.__mro__)
        for name, constraint in vars(base).get("_parameter_constraints", {}).items()
    }
    if cls.__doc__:  # python -OO strips docstrings
        defaults = {p.name: p.default for p in _parameters(cls)}
        doc = inspect.cleandoc(cls.__doc__)
        if "%(parameters)s" not in doc:
            doc += cls._sections
        cls.__doc__ = doc % {
            "architecture": cls.__name__.removesuffix("Classifier"),
            "parameters": _entries(cls, "Parameters", list(defaults)) % defaults,
            "attributes": _entries(cls, "Attributes"),
        }
    return cls


def _parameters(cls: type) -> list[inspect.Parameter]:
    """Parameters that a class and its base classes declare, with their defaults."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if issubclass(base, Declaring):
            for name, annotation in inspect.get_annotations(base).items():
                if name in vars(base) and "ClassVar" not in str(annotation):
                    parameter = inspect.Parameter(
                        name,
                        inspect.Parameter.KEYWORD_ONLY,
                        default=vars(base)[name],
                        annotation=annotation,
                    )
                    # The most special class decides on the default.
                    found.setdefault(name, parameter)
    first = [found.pop(name) for name in _FIRST if name in found]
    return [*first, *found.values()]


def _make_init(cls: type) -> Callable[..., None]:
    parameters = _parameters(cls)
    defaults = {parameter.name: parameter.default for parameter in parameters}

    def __init__(self: Declaring, **given: Any) -> None:
        for name in given:
            if name not in defaults:
                raise TypeError(_unexpected(cls, name, defaults))
        for name, default in defaults.items():
            setattr(self, name, given.get(name, default))

    this = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    vars(__init__)["__signature__"] = inspect.Signature([this, *parameters])
    __init__.__qualname__ = f"{cls.__qualname__}.__init__"
    __init__.__module__ = cls.__module__
    return __init__


def _unexpected(cls: type, name: str, known: Iterable[str]) -> str:
    """Say of a name that a class has no such parameter, and which one it may mean."""
    message = f"{cls.__name__}.__init__() got an unexpected keyword argument {name!r}"
    close = difflib.get_close_matches(name, known, 1)
    return message + (f"; did you mean {close[0]!r}?" if close else "")


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
