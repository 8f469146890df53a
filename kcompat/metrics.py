"""Metrics, as in keras.metrics: objects, and functions of arrays. Short names are those of tf.keras."""

from typing import Any

from .training.functions import LOSSES
from .training.metrics import *  # noqa: F403
from .training.metrics import __all__ as __all__


def __getattr__(name: str) -> Any:
    if name in LOSSES:
        return LOSSES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
