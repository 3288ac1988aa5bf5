"""Network architectures, one in each module."""

from ...utils._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__)
