"""What predictions rest on: which atoms, which neighbours, which rings of them."""

from ..utils._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
