"""The methods that people's own optimizers for Keras call and define, as parts of a graph."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...errors import ArgumentError
from ...ir import Value, Variable
from ...ir.variable_operators import TRACE
from ...layers.emitter import Emitter
from ...overriding import overrides
from ..numerics import cast
from ..tracing import UpdateTrace


class KerasInterface:
    """What `keras.optimizers.Optimizer` has for its subclasses.

    `update_step(gradient, variable, learning_rate)` of a subclass is called with symbols once for each variable and
    graph, and so is an `apply` or `apply_gradients` that changes gradients.
    Source: keras.src.optimizers.base_optimizer.
    """

    name: Any
    iteration: Variable
    trained: list[Variable]
    add_slot: Any
    emit_updates: Any
    emit_scalars: Any
    emit_step: Any
    emit_step_number: Any
    apply_gradients: Any

    # --- variables --------------------------------------------------------------

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """A new variable of the optimizer, of the shape and dtype of another."""
        slot: Variable = self.add_slot(reference_variable, name or "var", initializer)
        return slot

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """For each variable a new one like it; a tuple of such lists for several names."""
        if isinstance(name, str):
            return [self.add_variable_from_reference(v, name, initializer) for v in trainable_variables]
        initializers = [initializer] * len(name) if isinstance(initializer, str) else initializer
        pairs = zip(name, initializers, strict=True)
        return tuple(self.add_optimizer_variables(trainable_variables, one, start) for one, start in pairs)

    def assign(self, variable: Variable, value: Any) -> None:
        """Let a variable be a value."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add a value to a variable."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract a value from a variable."""
        variable.assign_sub(value)

    def _get_variable_index(self, variable: Variable) -> int:
        """The place of a variable among those that `build` was given."""
        return next(index for index, known in enumerate(self.trained) if known is variable)

    # --- steps ------------------------------------------------------------------

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Update a variable; by default, what `emit_step` states. For a subclass's own, which is traced."""
        trace = TRACE.get()
        if trace is None:
            raise ArgumentError(f"{self}: update_step() is part of a step; call apply() with gradients")
        trace.settle()
        b, dtype = trace.b, variable.dtype
        scalars = self.emit_scalars(b, self.emit_step_number(b, dtype), cast(b, trace.values(learning_rate), dtype))
        self.emit_step(b, cast(b, trace.values(gradient), dtype), variable, *scalars)

    @classmethod
    def has_own_update_step(cls) -> bool:
        """Whether `update_step` of a subclass says what a step is, and not `emit_step`."""
        return overrides(cls, "update_step", "emit_step")

    def emit_own_step(self, b: Emitter, gradient: Value, variable: Variable, rate: Value) -> None:
        """What `update_step` of a subclass makes of a variable."""
        trace = UpdateTrace(b, self.name, self.iteration)
        with trace.active():
            self.update_step(trace.symbol(gradient), variable, trace.symbol(rate))
            trace.settle()

    def emit_applied(self, b: Emitter, pairs: Sequence[tuple[Value | None, Variable]]) -> None:
        """A step as `apply_gradients` makes it: `emit_updates`, unless a subclass has an `apply` of its own."""
        if not self._has_own_apply():
            self.emit_updates(b, pairs)
            return
        trace = UpdateTrace(b, self.name, self.iteration)
        with trace.active():
            self.apply_gradients([(gradient and trace.symbol(gradient), variable) for gradient, variable in pairs])
            trace.settle()

    @classmethod
    def _has_own_apply(cls) -> bool:
        from .base import Optimizer

        return cls.apply is not Optimizer.apply or cls.apply_gradients is not Optimizer.apply_gradients  # type: ignore[attr-defined]

    def applied_in_trace(self, gradients: Iterable[Any], variables: Sequence[Variable]) -> bool:
        """Make a step with symbols part of the graph that is traced; False outside of a trace."""
        trace = TRACE.get()
        if trace is None:
            return False
        trace.settle()
        values = trace.optional_values(*gradients)
        self.emit_updates(trace.b, list(zip(values, variables, strict=True)))
        return True
