"""LearningRateSchedule: a learning rate that depends on the number of steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....config import Configurable, Kind, object_kind
from ....emitting import applied
from ....errors import ArgumentError
from ....ir import Value
from ....layers.emitter import Emitter
from ....overriding import overrides

MODULE = "keras.optimizers.schedules"


class LearningRateSchedule(Configurable):
    """Base of all schedules.

    A subclass defines `emit(b, step)`, from a step's number, an integer scalar from 0, to a rate in float32.
    Called with a number, or with an optimizer's `iterations`, it computes the rate. Source:
    keras.optimizers.schedules.LearningRateSchedule.
    """

    def emit(self, b: Emitter, step: Value) -> Value:
        """The rate at a step, a float32 scalar."""
        raise NotImplementedError(f"{type(self).__name__} must define __call__(step) or emit(b, step)")

    def emit_as_called(self, b: Emitter, step: Value) -> Value:
        """The rate at a step, by `__call__` of a subclass where there is one, else by `emit`."""
        from ...tracing import trace

        return trace(b, self.__call__, step) if overrides(type(self), "__call__", "emit") else self.emit(b, step)

    def __call__(self, step: Any) -> Any:
        """The rate at a step, or the symbol of one in a function that is traced."""
        return applied(self.emit, step, Emitter)


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
