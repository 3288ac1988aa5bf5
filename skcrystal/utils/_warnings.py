"""Warnings that code of ours may want to tell from others."""

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
    told = set()
    for note in caught:
        if issubclass(note.category, UnseenElementsWarning):
            if str(note.message) in told:
                continue
            told.add(str(note.message))
        warnings.warn_explicit(note.message, note.category, note.filename, note.lineno)
