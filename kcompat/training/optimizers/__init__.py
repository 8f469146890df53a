"""Optimizers, as in keras.optimizers.

base       Optimizer: clipping, decay, averages, accumulation
schedules  learning rates that depend on the step
sgd        SGD
adam       Adam and its relatives
adaptive   rates for each element: RMSprop, Adagrad, Adadelta, Ftrl, Lion
factored   matrices as such: Adafactor, Muon
rows       gradients of lookups
loss_scale LossScaleOptimizer
multi      several optimizers for one model
keras2     optimizers of Keras 1 and 2
lookup     optimizers by name or config
"""

from .adam import Adam, Adamax, AdamW, Lamb, Nadam, ScheduleFreeAdamW
from .adaptive import Adadelta, Adagrad, Ftrl, Lion, RMSprop
from .base import Optimizer
from .factored import Adafactor, Muon
from .lookup import deserialize, get, serialize
from .loss_scale import LossScaleOptimizer
from .multi import MultiOptimizer, OptimizerMap
from .sgd import SGD

__all__ = [
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lamb",
    "Lion",
    "LossScaleOptimizer",
    "MultiOptimizer",
    "Muon",
    "Nadam",
    "Optimizer",
    "OptimizerMap",
    "RMSprop",
    "ScheduleFreeAdamW",
    "deserialize",
    "get",
    "serialize",
]
