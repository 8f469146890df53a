"""Adam and its relatives. Source of all: keras.src.optimizers 3.15."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ... import initializers
from ...config import Bool, Field, Float, Int, registered
from ...ir import Value, Variable
from ...layers.emitter import Emitter
from ..numerics import cast, total
from .base import Optimizer
from .common import COMMON, MODULE, approach, descend, rest_of_power
from .rows import magnitude, squared


class Moments(Optimizer):
    """Base of optimizers that keep moving means of gradients and of their squares."""

    positional: ClassVar[Sequence[str]] = ("learning_rate", "beta_1", "beta_2", "epsilon", "weight_decay", *COMMON)

    learning_rate = Optimizer.learning_rate.with_default(0.001)
    beta_1 = Field(Float, 0.9)
    beta_2 = Field(Float, 0.999)
    epsilon = Field(Float, 1e-7)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        self.add_slots(variables, "momentum", "velocity")

    def emit_moments(self, b: Emitter, gradient: Value, variable: Variable) -> tuple[Value, Value]:
        """The new means of the gradient and of its square."""
        m = approach(b, self.slot(variable, "momentum"), gradient, 1 - self.beta_1)
        return m, approach(b, self.slot(variable, "velocity"), squared(b, gradient), 1 - self.beta_2)


@registered(MODULE)
class Adam(Moments):
    """Steps of the gradient's moving mean over the root of its square's (Kingma & Ba 2014).

    amsgrad: the root of the largest so far (Reddi et al. 2018).
    """

    positional = ("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad", "weight_decay", *COMMON)

    amsgrad = Field(Bool, False)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        super().make_slots(variables)
        if self.amsgrad:
            self.add_slots(variables, "velocity_hat")

    def emit_scalars(self, b: Emitter, step: Value, learning_rate: Value) -> tuple[Value, ...]:
        root = b.sqrt(rest_of_power(b, self.beta_2, step))
        return (b.div(b.mul(learning_rate, root), rest_of_power(b, self.beta_1, step)),)

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        (alpha,) = scalars
        m, v = self.emit_moments(b, gradient, variable)
        if self.amsgrad:
            largest = self.slot(variable, "velocity_hat")
            v = b.maximum(b.state(largest), v)
            b.update(largest, v)
        descend(b, variable, b.div(b.mul(m, alpha), b.add(b.sqrt(v), self.epsilon)))


@registered(MODULE)
class AdamW(Adam):
    """Adam with weight decay (Loshchilov & Hutter 2017)."""

    positional = ("learning_rate", "weight_decay", "beta_1", "beta_2", "epsilon", "amsgrad", *COMMON)

    weight_decay = Field(Float, 0.004)


@registered(MODULE)
class Adamax(Moments):
    """Adam with the largest gradient, which decays, for the root of the mean square (Kingma & Ba 2014)."""

    def make_slots(self, variables: Sequence[Variable]) -> None:
        self.add_slots(variables, "momentum", "norm")

    def emit_scalars(self, b: Emitter, step: Value, learning_rate: Value) -> tuple[Value, ...]:
        return (b.div(learning_rate, rest_of_power(b, self.beta_1, step)),)

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        (rate,) = scalars
        m = approach(b, self.slot(variable, "momentum"), gradient, 1 - self.beta_1)
        norm = self.slot(variable, "norm")
        largest = b.maximum(b.mul(b.state(norm), self.beta_2), magnitude(b, gradient))
        b.update(norm, largest)
        descend(b, variable, b.div(b.mul(m, rate), b.add(largest, self.epsilon)))


_NADAM_DECAY = 0.96


@registered(MODULE)
class Nadam(Moments):
    """Adam that looks a step ahead along its mean gradient (Dozat 2016).

    schedule_decay: the momentum warms up at this share of the speed; 0.004 in Keras 2 up to 2.10.
    """

    schedule_decay = Field(Float, 1.0, extension=True, keyword=True)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        super().make_slots(variables)
        self.product = self.add_variable((), initializers.Ones(), name="u_product")

    def emit_scalars(self, b: Emitter, step: Value, learning_rate: Value) -> tuple[Value, ...]:
        now, ahead = self._momentum_at(b, step), self._momentum_at(b, b.add(step, 1.0))
        if self.product not in b.updates:
            b.update(self.product, b.mul(b.state(self.product), cast(b, now, self.product.dtype)))
        product = cast(b, b.state(self.product), step.dtype)
        of_mean = b.div(ahead, b.sub(1.0, b.mul(product, ahead)))
        of_gradient = b.div(b.sub(1.0, now), b.sub(1.0, product))
        return learning_rate, of_mean, of_gradient, rest_of_power(b, self.beta_2, step)

    def restore_product(self) -> None:
        """Let the product of momenta be what it is after the steps made; files of Keras 2 do not hold it."""
        steps = np.arange(1, int(self.iteration.value) + 1)
        momenta = self.beta_1 * (1 - 0.5 * _NADAM_DECAY ** (self.schedule_decay * steps))
        self.product.assign(np.prod(momenta))

    def _momentum_at(self, b: Emitter, step: Value) -> Value:
        """beta_1 * (1 - 0.5 * 0.96 ** (schedule_decay * step))."""
        power = b.pow(_NADAM_DECAY, step if self.schedule_decay == 1 else b.mul(step, self.schedule_decay))
        value: Value = b.sub(self.beta_1, b.mul(power, 0.5 * self.beta_1))
        return value

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        rate, of_mean, of_gradient, correction = scalars
        m, v = self.emit_moments(b, gradient, variable)
        ahead = b.add(b.mul(m, of_mean), b.mul(gradient, of_gradient))
        root = b.add(b.sqrt(b.div(v, correction)), self.epsilon)
        descend(b, variable, b.div(b.mul(ahead, rate), root))


@registered(MODULE)
class Lamb(Moments):
    """Adam whose steps have the size of the variable, times the learning rate (You et al. 2019)."""

    def emit_scalars(self, b: Emitter, step: Value, learning_rate: Value) -> tuple[Value, ...]:
        return learning_rate, rest_of_power(b, self.beta_1, step), rest_of_power(b, self.beta_2, step)

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        rate, of_mean, of_square = scalars
        m, v = self.emit_moments(b, gradient, variable)
        move = b.div(b.div(m, of_mean), b.add(b.sqrt(b.div(v, of_square)), self.epsilon))
        size, length = _norm(b, b.state(variable)), _norm(b, move)
        one = b.constant(1.0, variable.dtype)
        known = b.logical_and(b.greater(size, 0.0), b.greater(length, 0.0))
        ratio = b.where(known, b.div(size, b.where(known, length, one)), one)
        descend(b, variable, b.mul(move, b.mul(ratio, rate)))


def _norm(b: Emitter, x: Value) -> Value:
    norm: Value = b.sqrt(total(b, b.square(x)))
    return norm


@registered(MODULE)
class ScheduleFreeAdamW(Moments):
    """Adam that averages its steps instead of lowering the rate (Defazio et al. 2024).

    warmup_steps: the rate rises over so many steps. The mean is taken out of the variable with the state after
    the step, as on TensorFlow; on Keras's other backends, with the one before.
    """

    positional = ("learning_rate", "beta_1", "beta_2", "epsilon", "warmup_steps", "weight_decay", *COMMON)

    learning_rate = Optimizer.learning_rate.with_default(0.0025)
    epsilon = Field(Float, 1e-8)
    warmup_steps = Field(Int, 0)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        super().make_slots(variables)
        for variable in variables:
            self.slot(variable, "momentum").assign(variable.value)

    def emit_scalars(self, b: Emitter, step: Value, learning_rate: Value) -> tuple[Value, ...]:
        if self.warmup_steps > 0:
            learning_rate = b.mul(learning_rate, b.minimum(b.div(step, float(self.warmup_steps)), 1.0))
        return learning_rate, rest_of_power(b, self.beta_2, step), b.reciprocal(step)

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        rate, correction, weight = scalars
        v = approach(b, self.slot(variable, "velocity"), squared(b, gradient), 1 - self.beta_2)
        root = b.add(b.sqrt(b.div(v, correction)), self.epsilon)
        slot = self.slot(variable, "momentum")
        fast = b.sub(b.state(slot), b.div(b.mul(gradient, rate), root))
        b.update(slot, fast)
        share = b.mul(fast, 1 - self.beta_1)
        mean = b.div(b.sub(b.state(variable), share), self.beta_1)
        mean = b.add(b.mul(mean, b.sub(1.0, weight)), b.mul(fast, weight))
        b.update(variable, b.add(share, b.mul(mean, self.beta_1)))
