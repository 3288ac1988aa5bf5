"""Explanations of predictions by atoms, neighbours and rings of them."""

from ..utils._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__)
