"""Losses, as in keras.losses: objects, and functions of arrays. Short names are those of tf.keras."""

from typing import Any

from .training.functions import LOSSES
from .training.losses import *  # noqa: F403
from .training.losses import __all__ as __all__


def __getattr__(name: str) -> Any:
    if name in LOSSES:
        return LOSSES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
