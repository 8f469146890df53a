"""Optimizers with a rate for each element, from the squares of its gradients. Source: keras.src.optimizers 3.15."""

from __future__ import annotations

from collections.abc import Sequence

from ... import initializers
from ...config import Bool, Field, Float, registered, within
from ...ir import Value, Variable
from ...layers.emitter import Emitter
from .base import Optimizer
from .common import COMMON, MODULE, blend, descend
from .rows import squared


def _root(b: Emitter, x: Value, epsilon: float, outside: bool) -> Value:
    root: Value = b.add(b.sqrt(x), epsilon) if outside else b.sqrt(b.add(x, epsilon))
    return root


@registered(MODULE)
class RMSprop(Optimizer):
    """Gradients over the root of their moving mean square (Hinton 2012).

    momentum: of the steps. centered: over the root of their variance. epsilon_outside: epsilon is added to the
    root, as Keras 2 did up to 2.10, instead of under it.
    """

    positional = ("learning_rate", "rho", "momentum", "epsilon", "centered", "weight_decay", *COMMON)

    learning_rate = Optimizer.learning_rate.with_default(0.001)
    rho = Field(Float, 0.9)
    momentum = Field(Float, 0.0)
    epsilon = Field(Float, 1e-7)
    centered = Field(Bool, False)
    epsilon_outside = Field(Bool, False, extension=True, keyword=True)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        self.add_slots(variables, "velocity")
        if self.momentum > 0:
            self.add_slots(variables, "momentum")
        if self.centered:
            self.add_slots(variables, "average_gradient")

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        (rate,) = scalars
        spread = blend(b, self.slot(variable, "velocity"), squared(b, gradient), self.rho)
        if self.centered:
            spread = b.sub(spread, b.square(blend(b, self.slot(variable, "average_gradient"), gradient, self.rho)))
        step = b.div(b.mul(gradient, rate), _root(b, spread, self.epsilon, self.epsilon_outside))
        if self.momentum > 0:
            slot = self.slot(variable, "momentum")
            step = b.add(b.mul(b.state(slot), self.momentum), step)
            b.update(slot, step)
        descend(b, variable, step)


@registered(MODULE)
class Adagrad(Optimizer):
    """Gradients over the root of the sum of their squares (Duchi et al. 2011).

    epsilon_outside: as for RMSprop.
    """

    positional = ("learning_rate", "initial_accumulator_value", "epsilon", "weight_decay", *COMMON)

    learning_rate = Optimizer.learning_rate.with_default(0.001)
    initial_accumulator_value = Field(Float, 0.1)
    epsilon = Field(Float, 1e-7)
    epsilon_outside = Field(Bool, False, extension=True, keyword=True)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        self.add_slots(variables, "accumulator", initializer=initializers.Constant(self.initial_accumulator_value))

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        (rate,) = scalars
        slot = self.slot(variable, "accumulator")
        total = b.add(b.state(slot), squared(b, gradient))
        b.update(slot, total)
        descend(b, variable, b.div(b.mul(gradient, rate), _root(b, total, self.epsilon, self.epsilon_outside)))


@registered(MODULE)
class Adadelta(Optimizer):
    """Gradients over the root of their mean square, times that of the steps so far (Zeiler 2012)."""

    positional = ("learning_rate", "rho", "epsilon", "weight_decay", *COMMON)

    learning_rate = Optimizer.learning_rate.with_default(0.001)
    rho = Field(Float, 0.95)
    epsilon = Field(Float, 1e-7)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        self.add_slots(variables, "accumulated_grad", "accumulated_delta_var")

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        (rate,) = scalars
        steps = self.slot(variable, "accumulated_delta_var")
        squares = squared(b, gradient)
        of_gradients = b.add(blend(b, self.slot(variable, "accumulated_grad"), squares, self.rho), self.epsilon)
        scale = b.div(b.sqrt(b.add(b.state(steps), self.epsilon)), b.sqrt(of_gradients))
        blend(b, steps, b.mul(b.square(scale), squares), self.rho)
        descend(b, variable, b.mul(b.mul(gradient, scale), rate))


@registered(MODULE)
class Ftrl(Optimizer):
    """Follow the regularized leader (McMahan et al. 2013)."""

    positional = (
        "learning_rate",
        "learning_rate_power",
        "initial_accumulator_value",
        "l1_regularization_strength",
        "l2_regularization_strength",
        "l2_shrinkage_regularization_strength",
        "beta",
        "weight_decay",
        *COMMON,
    )

    learning_rate = Optimizer.learning_rate.with_default(0.001)
    learning_rate_power = Field(within(float("-inf"), 0), -0.5)
    initial_accumulator_value = Field(within(0), 0.1)
    l1_regularization_strength = Field(within(0), 0.0)
    l2_regularization_strength = Field(within(0), 0.0)
    l2_shrinkage_regularization_strength = Field(within(0), 0.0)
    beta = Field(Float, 0.0)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        start = initializers.Constant(self.initial_accumulator_value)
        for variable in variables:
            self.add_slot(variable, "accumulator", start)
            self.add_slot(variable, "linear")

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        (rate,) = scalars
        squares, linear = self.slot(variable, "accumulator"), self.slot(variable, "linear")
        w, old = b.state(variable), b.state(squares)
        new = b.add(old, squared(b, gradient))
        power = self._power(b, new)
        growth = b.div(b.sub(power, self._power(b, old)), rate)
        shrunk = b.add(gradient, b.mul(w, 2 * self.l2_shrinkage_regularization_strength))
        total = b.add(b.state(linear), b.sub(shrunk, b.mul(growth, w)))
        l2 = b.add(b.div(b.constant(self.beta, variable.dtype), b.mul(rate, 2.0)), self.l2_regularization_strength)
        curvature = b.add(b.div(power, rate), b.mul(l2, 2.0))
        l1 = self.l1_regularization_strength
        b.update(squares, new)
        b.update(linear, total)
        b.update(variable, b.div(b.sub(b.clip(total, low=-l1, high=l1), total), curvature))

    def _power(self, b: Emitter, squares: Value) -> Value:
        """squares ** -learning_rate_power; roots are much quicker than other powers."""
        exponent = -self.learning_rate_power
        power: Value = b.sqrt(squares) if exponent == 0.5 else b.pow(squares, exponent)
        return power


@registered(MODULE)
class Lion(Optimizer):
    """Steps of equal size, along the sign of a moving mean of gradients (Chen et al. 2023)."""

    positional = ("learning_rate", "beta_1", "beta_2", "weight_decay", *COMMON)

    learning_rate = Optimizer.learning_rate.with_default(0.001)
    beta_1 = Field(within(0, 1), 0.9)
    beta_2 = Field(Float, 0.99)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        self.add_slots(variables, "momentum")

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        (rate,) = scalars
        slot = self.slot(variable, "momentum")
        mixed = b.add(b.mul(b.state(slot), self.beta_1), b.mul(gradient, 1 - self.beta_1))
        descend(b, variable, b.mul(b.sign(mixed), rate))
        blend(b, slot, gradient, self.beta_2)
