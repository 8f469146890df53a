"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Sequence

from ...config import Bool, Field, registered, within
from ...ir import Value, Variable
from ...layers.emitter import Emitter
from .base import Optimizer
from .common import COMMON, MODULE


@registered(MODULE)
class SGD(Optimizer):
    """w -= learning_rate * g; with momentum, m = momentum * m - learning_rate * g and w += m.

    nesterov: w += momentum * m - learning_rate * g (Sutskever et al. 2013). Source: keras.optimizers.SGD.
    """

    positional = ("learning_rate", "momentum", "nesterov", "weight_decay", *COMMON)

    learning_rate = Optimizer.learning_rate.with_default(0.01)
    momentum = Field(within(0, 1), 0.0)
    nesterov = Field(Bool, False)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        if self.momentum:
            self.add_slots(variables, "momentum")

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        (rate,) = scalars
        step = b.mul(gradient, rate)
        if not self.momentum:
            b.update(variable, b.sub(b.state(variable), step))
            return
        slot = self.slot(variable, "momentum")
        m = b.sub(b.mul(b.state(slot), self.momentum), step)
        b.update(slot, m)
        move = b.sub(b.mul(m, self.momentum), step) if self.nesterov else m
        b.update(variable, b.add(b.state(variable), move))
