"""Adam and its relatives. Source of all: keras.src.optimizers 3.15."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...config import Bool, Field, Float, registered
from ...errors import ArgumentError
from ...ir import Value, Variable
from ...layers.emitter import Emitter
from .base import Optimizer
from .common import COMMON, MODULE, approach, descend, rest_of_power


@registered(MODULE, "adam")
class Adam(Optimizer):
    """Steps of the gradient's moving mean over the root of its square's (Kingma & Ba 2014).

    amsgrad: the root of the largest so far (Reddi et al. 2018).
    """

    positional = ("learning_rate", "beta_1", "beta_2", "epsilon", "amsgrad", "weight_decay", *COMMON)

    learning_rate = Optimizer.learning_rate.with_default(0.001)
    beta_1 = Field(Float, 0.9)
    beta_2 = Field(Float, 0.999)
    epsilon = Field(Float, 1e-7)
    amsgrad = Field(Bool, False)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        self.add_slots(variables, "momentum", "velocity")
        if self.amsgrad:
            self.add_slots(variables, "velocity_hat")

    def emit_scalars(self, b: Emitter, step: Value, learning_rate: Value) -> tuple[Value, ...]:
        root = b.sqrt(rest_of_power(b, self.beta_2, step))
        return (b.div(b.mul(learning_rate, root), rest_of_power(b, self.beta_1, step)),)

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        (alpha,) = scalars
        m = approach(b, self.slot(variable, "momentum"), gradient, 1 - self.beta_1)
        v = approach(b, self.slot(variable, "velocity"), b.square(gradient), 1 - self.beta_2)
        if self.amsgrad:
            largest = self.slot(variable, "velocity_hat")
            v = b.maximum(b.state(largest), v)
            b.update(largest, v)
        descend(b, variable, b.div(b.mul(m, alpha), b.add(b.sqrt(v), self.epsilon)))


@registered(MODULE, "adamw")
class AdamW(Adam):
    """Adam with weight decay (Loshchilov & Hutter 2017)."""

    positional = ("learning_rate", "weight_decay", "beta_1", "beta_2", "epsilon", "amsgrad", *COMMON)

    weight_decay = Field(Float, 0.004)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.weight_decay is None:
            raise ArgumentError(f"{self}: weight_decay must be a number, received None")
