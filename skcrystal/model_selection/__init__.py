"""Splits of crystals that test what they say they test, and scores with gaps."""

from ..utils._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
