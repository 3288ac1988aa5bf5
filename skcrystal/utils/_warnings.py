"""Warnings of the package, and contexts that silence or count them."""

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import FrameType

_PACKAGE = __name__.partition(".")[0]


class UnseenElementsWarning(UserWarning):
    """A prediction rests on elements that training has not met."""


def warn_of_unseen_elements(unseen: Iterable[int]) -> None:
    """Warn of the atomic numbers of elements that are not in the training set."""
    from pymatgen.core import Element

    symbols = ", ".join(Element.from_Z(int(z)).symbol for z in unseen)
    warnings.warn(
        f"X holds elements that the model was not trained on: {symbols}. Their "
        "features are only their place and properties in the periodic table; treat "
        "these predictions with care.",
        UnseenElementsWarning,
        stacklevel=stacklevel_of_caller(),
    )


def stacklevel_of_caller() -> int:
    """Level of the first frame outside of this package, as `warnings.warn` counts."""
    frame, level = sys._getframe(1), 1
    while frame.f_back and _package_of(frame) == _PACKAGE:
        frame, level = frame.f_back, level + 1
    return level


def _package_of(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]


@contextmanager
def unseen_elements_expected() -> Iterator[None]:
    """Silence them: a pool to select from is there to be explored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenElementsWarning)
        yield


@contextmanager
def unseen_elements_reported_once() -> Iterator[None]:
    """Report equal warnings of several models once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UnseenElementsWarning)
        yield
    seen = set()
    for note in caught:
        if issubclass(note.category, UnseenElementsWarning):
            if str(note.message) in seen:
                continue
            seen.add(str(note.message))
        warnings.warn_explicit(note.message, note.category, note.filename, note.lineno)
