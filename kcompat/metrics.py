"""Metrics, as in keras.metrics: objects, and functions of arrays."""

from .training.metrics import *  # noqa: F403
from .training.metrics import __all__ as __all__
