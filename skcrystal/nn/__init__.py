"""Networks on crystal graphs, in PyTorch alone."""

from ..utils._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__)
