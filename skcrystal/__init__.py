"""Graph neural networks for crystals as scikit-learn estimators."""

from ._version import __version__ as __version__
from .utils._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__)
