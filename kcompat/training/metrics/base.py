"""Metric: numbers about predictions that are gathered over batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ... import initializers
from ...config import Configurable, Field, Kind
from ...ir import Value, Variable
from ...ir.types import is_float, type_of
from ...ir.variable_operators import TRACE
from ...layers.emitter import Emitter
from ...reference import evaluate
from ...settings import floatx
from ..losses.base import NameKind
from ..numerics import as_array


def _parse_dtype(value: Any, owner: Any) -> str:
    name = getattr(value, "compute_dtype", value) or floatx()
    if not is_float(name):
        raise ValueError
    return str(name)


FloatKind = Kind("a floating dtype or None", _parse_dtype)


class Metric(Configurable):
    """Base of all metrics.

    A metric's state is a few Variables. `emit_update` states as IR what a batch makes of them, with
    `b.state(variable)` and `b.update(variable, value)`, so that a training step can hold it;
    `update_state` does the same at once for arrays. `result` computes the metric from the state.

    A subclass makes its state in `build`, or in `build_for` where it depends on shapes, and defines
    `emit_update` and `result`. One that defines `update_state` alone, as people's own metrics for Keras
    do, works on arrays after each step: see `emits`.

    name: by default one of the class's name. dtype: of state and result, by default floatx.
    Source: keras.metrics.Metric.
    """

    positional: ClassVar[Sequence[str]] = ("name", "dtype")

    name = Field(NameKind, None)
    dtype = Field(FloatKind, None)

    _own: list[Variable]
    built: bool

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        object.__setattr__(instance, "_own", [])
        object.__setattr__(instance, "built", False)
        return instance

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.build()

    def build(self) -> None:
        """Make the state that does not depend on shapes."""

    def build_for(self, y_true_shape: Sequence[Any], y_pred_shape: Sequence[Any]) -> None:
        """Make the state that depends on shapes, which have the batch axis; called once, before the first update."""

    def add_variable(
        self,
        shape: Sequence[int] = (),
        initializer: Any = "zeros",
        dtype: str | None = None,
        aggregation: str = "sum",
        name: str = "variable",
    ) -> Variable:
        """A new variable of the state, of the metric's dtype unless told."""
        variable = Variable(
            name,
            tuple(shape),
            dtype or self.dtype,
            initializers.get(initializer or "zeros"),
            trainable=False,
            path=f"{self.name}/{name}",
        )
        self._own.append(variable)
        return variable

    def add_weight(
        self, shape: Sequence[int] = (), initializer: Any = None, dtype: Any = None, name: Any = None
    ) -> Any:
        """`add_variable` under its older name."""
        return self.add_variable(shape, initializer, dtype, name=name or "variable")

    @property
    def variables(self) -> list[Variable]:
        """The state, in the order in which it was made."""
        return list(self._own)

    @property
    def emits(self) -> bool:
        """Whether a graph can hold the update; else `update_state` takes arrays after each step.

        It cannot where a subclass has an `update_state` of its own.
        """
        first = next(cls for cls in type(self).__mro__ if {"emit_update", "update_state"} & vars(cls).keys())
        return first is not Metric and "emit_update" in vars(first)

    def emit_update(
        self,
        b: Emitter,
        y_true: Value,
        y_pred: Value,
        sample_weight: Value | None = None,
        mask: Value | None = None,
    ) -> None:
        """Let the state become what it is after a batch.

        sample_weight: a weight per sample, or per value. mask: by default what `b.masks` has for y_pred.
        Raises ShapeError if shapes do not fit.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define emit_update")

    def ensure_built(self, y_true: Value, y_pred: Value) -> None:
        """Call `build_for` before the first update."""
        if not self.built:
            self.build_for(y_true.shape, y_pred.shape)
            self.built = True

    def update_state(self, *args: Any, **kwargs: Any) -> None:
        """Take a batch, as arrays, or as symbols in a function that is traced.

        The arguments are those of `emit_update` after the builder.
        """
        update: Any = self.emit_update
        trace = TRACE.get()
        if trace is not None:
            values = trace.optional_values(*args, *kwargs.values())
            update(trace.b, *values[: len(args)], **dict(zip(kwargs, values[len(args) :], strict=True)))
            return
        b = Emitter()
        arrays: list[np.ndarray] = []

        def enter(data: Any) -> Value | None:
            if data is None:
                return None
            arrays.append(as_array(data))
            return b.input(type_of(arrays[-1]))

        update(b, *map(enter, args), **{key: enter(data) for key, data in kwargs.items()})
        evaluate(b.build([]), arrays)

    def result(self) -> Any:
        """The metric of all batches since the last reset, as a NumPy scalar or array."""
        raise NotImplementedError(f"{type(self).__name__} does not define result")

    def reset_state(self) -> None:
        """Forget all batches."""
        for variable in self.variables:
            variable.memory()[...] = 0
            variable.changed()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Take a batch, then give the result."""
        self.update_state(*args, **kwargs)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"
