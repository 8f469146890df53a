"""LearningRateSchedule: a learning rate that depends on the number of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ....config import Configurable, Kind, object_kind
from ....errors import ArgumentError
from ....ir import Value
from ....ir.types import type_of
from ....layers.emitter import Emitter
from ....reference import evaluate

MODULE = "keras.optimizers.schedules"


class LearningRateSchedule(Configurable):
    """Base of all schedules.

    A subclass defines `emit(b, step)`, from a step's number, an integer scalar from 0, to a rate in float32.
    Called with a number, or with an optimizer's `iterations`, it computes the rate. Source:
    keras.optimizers.schedules.LearningRateSchedule.
    """

    def emit(self, b: Emitter, step: Value) -> Value:
        """The rate at a step, a float32 scalar."""
        from ...tracing import trace

        return trace(b, self.__call__, step)

    def __call__(self, step: Any) -> Any:
        """The rate at a step."""
        if type(self).emit is LearningRateSchedule.emit:
            raise NotImplementedError(f"{type(self).__name__} must define __call__(step) or emit(b, step)")
        array = np.asarray(step)
        b = Emitter()
        value = b.input(type_of(array))
        return evaluate(b.build([self.emit(b, value)]), [array])[0][()]


_Objects = object_kind(MODULE, "a learning-rate schedule or its config")


def _parse(value: Any, owner: Any) -> Any:
    if isinstance(value, Mapping) and "class_name" not in value:
        raise TypeError
    return _Objects.parse(value, owner)


ScheduleKind = Kind(_Objects.name, _parse, _Objects.serialize)


def positive(owner: Any, name: str) -> None:
    """Raises ArgumentError unless the field is above zero."""
    if getattr(owner, name) <= 0:
        raise ArgumentError(f"{owner}: argument '{name}' must be above 0, received {getattr(owner, name)}")
