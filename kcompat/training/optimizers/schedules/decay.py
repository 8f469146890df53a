"""The schedules of Keras. Source of all: keras.src.optimizers.schedules.learning_rate_schedule 3.15."""

from __future__ import annotations

import math
from typing import Any

from ....config import Bool, Field, Float, Kind, Str, optional, registered
from ....errors import ArgumentError
from ....ir import Value
from ....layers.emitter import Emitter
from ...numerics import cast
from .base import MODULE, LearningRateSchedule, positive


def _parse_number(value: Any, owner: Any) -> int | float:
    if isinstance(value, (bool, str)):
        raise TypeError
    number = float(value)
    return int(value) if isinstance(value, int) or (hasattr(value, "dtype") and value.dtype.kind in "iu") else number


Number = Kind("a number", _parse_number)
Numbers = Kind("a list of numbers", lambda value, owner: [_parse_number(item, owner) for item in value])


def _real(b: Emitter, step: Value) -> Value:
    return cast(b, step, "float32")


class _QuotientDecay(LearningRateSchedule):
    """A decay by step / decay_steps; with `staircase`, by whole quotients."""

    initial_learning_rate = Field(Float)
    decay_steps = Field(Number)
    decay_rate = Field(Number)
    staircase = Field(Bool, False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        positive(self, "decay_steps")

    def _quotient(self, b: Emitter, step: Value) -> Value:
        quotient: Value = b.div(_real(b, step), float(self.decay_steps))
        return b.floor(quotient) if self.staircase else quotient


@registered(MODULE)
class ExponentialDecay(_QuotientDecay):
    """initial_learning_rate * decay_rate ** (step / decay_steps); with `staircase`, of whole quotients."""

    name = Field(Str, "ExponentialDecay")

    def emit(self, b: Emitter, step: Value) -> Value:
        return b.mul(b.pow(float(self.decay_rate), self._quotient(b, step)), self.initial_learning_rate)


@registered(MODULE)
class InverseTimeDecay(_QuotientDecay):
    """initial_learning_rate / (1 + decay_rate * step / decay_steps); with `staircase`, of whole quotients."""

    name = Field(Str, "InverseTimeDecay")

    def emit(self, b: Emitter, step: Value) -> Value:
        falling = b.add(b.mul(self._quotient(b, step), float(self.decay_rate)), 1.0)
        return b.div(self.initial_learning_rate, falling)


@registered(MODULE)
class PiecewiseConstantDecay(LearningRateSchedule):
    """values[i] up to and with the step boundaries[i], the last value after."""

    boundaries = Field(Numbers)
    values = Field(Numbers)
    name = Field(Str, "PiecewiseConstant")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if len(self.boundaries) != len(self.values) - 1 or not self.boundaries:
            raise ArgumentError(
                f"{self}: needs boundaries, and one value more than those; received "
                f"{len(self.boundaries)} boundaries and {len(self.values)} values"
            )

    def emit(self, b: Emitter, step: Value) -> Value:
        """Boundaries are taken in the step's dtype, as in Keras: those of a whole step lose their fraction."""
        result: Value = b.constant(self.values[-1], "float32")
        for boundary, value in reversed(list(zip(self.boundaries, self.values, strict=False))):
            limit = b.constant(boundary, step.dtype)
            result = b.where(b.less_equal(step, limit), b.constant(value, "float32"), result)
        return result


@registered(MODULE)
class PolynomialDecay(LearningRateSchedule):
    """From the initial rate to the end one in `decay_steps`, along (1 - step / decay_steps) ** power.

    cycle: afterwards begin anew, each time stretched to the next multiple of decay_steps.
    """

    initial_learning_rate = Field(Float)
    decay_steps = Field(Number)
    end_learning_rate = Field(Float, 0.0001)
    power = Field(Number, 1.0)
    cycle = Field(Bool, False)
    name = Field(Str, "PolynomialDecay")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        positive(self, "decay_steps")

    def emit(self, b: Emitter, step: Value) -> Value:
        step, steps = _real(b, step), float(self.decay_steps)
        if self.cycle:
            rounds = b.where(b.equal(step, 0.0), b.constant(1.0, "float32"), b.ceil(b.div(step, steps)))
            p = b.div(step, b.mul(rounds, steps))
        else:
            p = b.div(b.minimum(step, steps), steps)
        span = self.initial_learning_rate - self.end_learning_rate
        return b.add(b.mul(b.pow(b.sub(1.0, p), float(self.power)), span), self.end_learning_rate)


def _cosine(b: Emitter, fraction: Value) -> Value:
    """From 1 to 0 over half a turn."""
    return b.mul(b.add(b.cos(b.mul(fraction, math.pi)), 1.0), 0.5)


@registered(MODULE)
class CosineDecay(LearningRateSchedule):
    """Half a cosine from the initial rate to `alpha` times it; before it, if asked, a straight warm-up.

    warmup_target, warmup_steps: the rate that the warm-up reaches, where the cosine begins, and its length.
    """

    initial_learning_rate = Field(Float)
    decay_steps = Field(Number)
    alpha = Field(Float, 0.0)
    name = Field(Str, "CosineDecay")
    warmup_target = Field(optional(Float), None)
    warmup_steps = Field(Number, 0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        positive(self, "decay_steps")

    def emit(self, b: Emitter, step: Value) -> Value:
        step, steps = _real(b, step), float(self.decay_steps)
        if self.warmup_target is None:
            return self._decay(b, b.minimum(step, steps), self.initial_learning_rate)
        step = b.minimum(step, steps + self.warmup_steps)
        decayed = self._decay(b, b.sub(step, float(self.warmup_steps)), self.warmup_target)
        if not self.warmup_steps:
            return decayed
        rise = (self.warmup_target - self.initial_learning_rate) / self.warmup_steps
        warming = b.add(b.mul(step, rise), self.initial_learning_rate)
        return b.where(b.less(step, float(self.warmup_steps)), warming, decayed)

    def _decay(self, b: Emitter, step: Value, start: float) -> Value:
        share = _cosine(b, b.div(step, float(self.decay_steps)))
        return b.mul(b.add(b.mul(share, 1 - self.alpha), self.alpha), start)


@registered(MODULE)
class CosineDecayRestarts(LearningRateSchedule):
    """Half cosines after each other, each `t_mul` times as long and `m_mul` times as high as the one before."""

    initial_learning_rate = Field(Float)
    first_decay_steps = Field(Number)
    t_mul = Field(Float, 2.0)
    m_mul = Field(Float, 1.0)
    alpha = Field(Float, 0.0)
    name = Field(Str, "SGDRDecay")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        positive(self, "first_decay_steps")

    def emit(self, b: Emitter, step: Value) -> Value:
        done = b.div(_real(b, step), float(self.first_decay_steps))
        restarts, fraction = self._in_round(b, done)
        share = b.mul(_cosine(b, fraction), b.pow(self.m_mul, restarts))
        return b.mul(b.add(b.mul(share, 1 - self.alpha), self.alpha), self.initial_learning_rate)

    def _in_round(self, b: Emitter, done: Value) -> tuple[Value, Value]:
        """The number of restarts so far, and how much of the present round is done."""
        if self.t_mul == 1.0:
            restarts = b.floor(done)
            return restarts, b.sub(done, restarts)
        growth = b.log(b.sub(1.0, b.mul(done, 1.0 - self.t_mul)))
        restarts = b.floor(b.div(growth, b.log(b.constant(self.t_mul, "float32"))))
        length = b.pow(self.t_mul, restarts)
        begun = b.div(b.sub(1.0, length), 1.0 - self.t_mul)
        return restarts, b.div(b.sub(done, begun), length)
