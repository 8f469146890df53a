"""Learning-rate schedules, as in keras.optimizers.schedules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....config import Field
from ....config import serialize as _serialize
from ....registration import CustomObjectScope
from .base import LearningRateSchedule, ScheduleKind
from .decay import (
    CosineDecay,
    CosineDecayRestarts,
    ExponentialDecay,
    InverseTimeDecay,
    PiecewiseConstantDecay,
    PolynomialDecay,
)

__all__ = [
    "CosineDecay",
    "CosineDecayRestarts",
    "ExponentialDecay",
    "InverseTimeDecay",
    "LearningRateSchedule",
    "PiecewiseConstantDecay",
    "PolynomialDecay",
    "deserialize",
    "serialize",
]


def serialize(learning_rate_schedule: LearningRateSchedule) -> Any:
    """A schedule as Keras 3 writes it."""
    return _serialize(learning_rate_schedule)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A schedule from what `serialize` returned, of any Keras release."""
    with CustomObjectScope(custom_objects):
        return Field(ScheduleKind).parse(config, "schedules.deserialize")
