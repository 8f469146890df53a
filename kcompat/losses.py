"""Losses, as in keras.losses: objects, and functions of arrays."""

from .training.losses import *  # noqa: F403
from .training.losses import __all__ as __all__
