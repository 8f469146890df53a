"""Optimizers, as in keras.optimizers.

base       Optimizer: clipping, decay, averages, accumulation
schedules  learning rates that depend on the step
sgd, adam  one file for each family
lookup     optimizers by name or config
"""

from .adam import Adam, AdamW
from .base import Optimizer
from .lookup import deserialize, get, serialize
from .sgd import SGD

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Optimizer",
    "deserialize",
    "get",
    "serialize",
]
