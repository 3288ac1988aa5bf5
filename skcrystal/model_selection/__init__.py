"""Splits of crystals by formula, system, element or cluster; scores with gaps."""

from ..utils._lazy import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__)
