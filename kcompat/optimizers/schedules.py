"""Learning-rate schedules, as in keras.optimizers.schedules."""

from ..training.optimizers.schedules import *  # noqa: F403
from ..training.optimizers.schedules import __all__ as __all__
