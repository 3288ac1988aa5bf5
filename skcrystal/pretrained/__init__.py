"""Models that come with the package, and predictions in one line."""

from ..utils._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__)
