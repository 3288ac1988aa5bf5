"""Active learning: which crystals to compute next."""

from ..utils._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__)
