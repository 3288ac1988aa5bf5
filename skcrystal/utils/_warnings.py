"""Warnings of the package, and contexts that silence or count them."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


class UnseenElementsWarning(UserWarning):
    """A prediction rests on elements that training has not met."""


@contextmanager
def unseen_elements_expected() -> Iterator[None]:
    """Keep silent about them: a pool to choose from is there to be explored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnseenElementsWarning)
        yield


@contextmanager
def unseen_elements_told_once() -> Iterator[None]:
    """Let several models say the same of the same crystals once."""
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
