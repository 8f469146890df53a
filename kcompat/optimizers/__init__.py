"""Optimizers, as in keras.optimizers."""

from ..training.optimizers import *  # noqa: F403
from ..training.optimizers import __all__ as _names
from . import schedules

__all__ = [*_names, "schedules"]
