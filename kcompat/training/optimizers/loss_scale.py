"""Dynamic scales for losses whose gradients are computed in float16. Source: keras.optimizers.LossScaleOptimizer."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from typing import Any

from ... import initializers
from ...config import Field, Float, Kind, PositiveInt, registered
from ...config import serialize as serialize_object
from ...ir import Value, Variable
from ...layers.emitter import Emitter
from ..numerics import cast, total
from .base import Optimizer, Rate, keep_unless
from .common import MODULE
from .lookup import get


def _parse_inner(value: Any, owner: Any) -> Optimizer:
    inner = get(value)
    if inner is None or isinstance(inner, LossScaleOptimizer):
        raise TypeError
    return inner


_Inner = Kind("an optimizer, its name or its config", _parse_inner, serialize_object)


class _InnerRate(Rate):
    """The inner optimizer's learning rate; this one has a variable for it that nothing reads, as in Keras."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance.inner_optimizer.learning_rate

    def __set__(self, instance: Any, value: Any) -> None:
        if "inner_optimizer" in instance._values:
            instance.inner_optimizer.learning_rate = value
        else:
            super().__set__(instance, value)


@registered(MODULE)
class LossScaleOptimizer(Optimizer):
    """Scales the loss, and gradients back, and makes no step of gradients that are not finite.

    The scale is halved then, and doubled after `dynamic_growth_steps` steps without such.
    """

    positional = ("inner_optimizer", "initial_scale", "dynamic_growth_steps", "name")

    learning_rate = _InnerRate(Optimizer.learning_rate.kind, 0.0)
    inner_optimizer = Field(_Inner)
    initial_scale = Field(Float, 2.0**15)
    dynamic_growth_steps = Field(PositiveInt, 2000)

    def build(self, variables: Iterable[Variable]) -> None:
        if self.built:
            return
        self.trained = list(variables)
        self.step_counter = self.add_variable((), dtype="int64", name="step_counter")
        self.dynamic_scale = self.add_variable((), initializers.Constant(self.initial_scale), name="dynamic_scale")
        self.inner_optimizer.build(self.trained)
        self.built = True

    @property
    def variables(self) -> list[Variable]:
        """This optimizer's own variables, then the inner one's."""
        return [*self._own, *self.inner_optimizer.variables]

    @property
    def iterations(self) -> Any:
        return self.inner_optimizer.iterations

    def emit_scaled_loss(self, b: Emitter, loss: Value) -> Value:
        return b.mul(loss, cast(b, b.state(self.dynamic_scale), loss.dtype))

    def scale_loss(self, loss: Any) -> Any:
        return loss * (self.dynamic_scale.value if self.built else self.initial_scale)

    def emit_updates(self, b: Emitter, gradients_and_variables: Iterable[tuple[Value | None, Variable]]) -> None:
        """A step of the inner optimizer where all gradients are finite, and the next scale."""
        pairs = list(gradients_and_variables)
        self.build(variable for _, variable in pairs)
        scale, counter = b.state(self.dynamic_scale), b.state(self.step_counter)
        with b.origin(f"optimizer '{self.name}' (LossScaleOptimizer)"):
            parts = [total(b, cast(b, b.sub(g, g), "float32")) for g, _ in pairs if g is not None]
            finite = b.equal(reduce(b.add, parts), 0.0)
            before = dict(b.updates)
            unscaled = [(g and b.div(g, cast(b, scale, g.dtype)), variable) for g, variable in pairs]
            self.inner_optimizer.emit_updates(b, unscaled)
            keep_unless(b, finite, before)
            grown = b.equal(counter, self.dynamic_growth_steps - 1)
            zero = b.constant(0, counter.dtype)
            b.update(self.step_counter, b.where(b.logical_and(finite, b.logical_not(grown)), b.add(counter, 1), zero))
            larger = b.where(grown, b.mul(scale, 2.0), scale)
            b.update(self.dynamic_scale, b.where(finite, larger, b.mul(scale, 0.5)))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": serialize_object(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }
