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
