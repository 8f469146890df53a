"""Optimizer: what variables become, given the gradients of a loss."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ... import initializers
from ...config import Bool, Configurable, Field, Float, Int, Kind, optional
from ...config import serialize as serialize_object
from ...constraints import Constraint
from ...errors import ArgumentError, WeightMismatchError
from ...ir import Value, Variable
from ...ir.types import numpy_name, type_of
from ...layers.emitter import Emitter
from ...overriding import overrides
from ...reference import evaluate
from ...settings import floatx
from ..losses.base import NameKind
from ..numerics import cast, total
from ..tracing import trace
from .common import COMMON
from .keras_interface import KerasInterface
from .rows import by_row, squared, summed
from .schedules.base import LearningRateSchedule, ScheduleKind

Pairs = Sequence[tuple[Value, Variable]]


class Rate(Field):
    """The learning rate: a Variable, which may be set while training, or what a schedule gives for the next step."""

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        held = instance._values["learning_rate"]
        return held(instance.iterations) if isinstance(held, LearningRateSchedule) else held

    def __set__(self, instance: Any, value: Any) -> None:
        instance._set_learning_rate(self.parse(value, instance))

    def with_default(self, default: float) -> Any:
        """The same field with a default."""
        return Rate(self.kind, default)


def _parse_rate(value: Any, owner: Any) -> Any:
    if isinstance(value, Variable):
        return float(value.value)
    if isinstance(value, (LearningRateSchedule, Mapping)):
        return ScheduleKind.parse(value, owner)
    if isinstance(value, str) or callable(value) or np.ndim(value):
        raise TypeError
    return float(value)


RateKind = Kind("a number or a LearningRateSchedule", _parse_rate, serialize_object)


class Optimizer(KerasInterface, Configurable):
    """Base of all optimizers.

    `build(variables)` makes the optimizer's own variables; `emit_updates(b, pairs)` states a step as IR,
    so that it can follow the loss and its gradients in one graph; `apply(gradients, variables)` makes one at
    once, with arrays.

    A subclass lists its config as Fields, makes its slots in `make_slots`, and states a step in `emit_step`,
    with scalars that are the same for all variables from `emit_scalars`; or it has Keras's `build` and `update_step`.

    learning_rate: a number, kept in a Variable, or a LearningRateSchedule of the number of steps.
    weight_decay: variables lose this share of themselves, times the learning rate, before each step.
    clipnorm, global_clipnorm, clipvalue: the most that gradients have: of norm each, of norm all together,
        of each element; one of them. use_ema, ema_momentum, ema_overwrite_frequency: keep moving averages of
        the variables, which replace them every so many steps, and at the end of training.
    loss_scale_factor: the loss was multiplied by it, so gradients are divided by it.
    gradient_accumulation_steps: so many gradients are averaged for one step.
    sums_rows: gradients of one row of an embedding are added up before they are squared, as in Keras 2; see `rows`.
    Source: keras.optimizers.Optimizer.
    """

    positional: ClassVar[Sequence[str]] = ("learning_rate", "weight_decay", *COMMON)

    name = Field(NameKind, None)
    learning_rate = Rate(RateKind)
    weight_decay = Field(optional(Float), None)
    clipnorm = Field(optional(Float), None)
    global_clipnorm = Field(optional(Float), None)
    clipvalue = Field(optional(Float), None)
    use_ema = Field(Bool, False)
    ema_momentum = Field(Float, 0.99)
    ema_overwrite_frequency = Field(optional(Int), None)
    loss_scale_factor = Field(optional(Float), None)
    gradient_accumulation_steps = Field(optional(Int), None)
    sums_rows = Field(Bool, False, extension=True, keyword=True)

    _own: list[Variable]
    _slots: dict[str, dict[int, Variable]]
    _excluded: set[int]
    _excluded_names: list[str]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        for name, value in (("_own", []), ("_slots", {}), ("_excluded", set()), ("_excluded_names", [])):
            object.__setattr__(instance, name, value)
        return instance

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if kwargs.pop("decay", None) is not None:
            warnings.warn("argument 'decay' has no meaning since Keras 3 and is ignored; use a schedule", stacklevel=2)
        given = self._bind(args, kwargs)
        self.name = given.pop("name", None)
        self.iteration = self.add_variable((), name="iteration", dtype="int64")
        super().__init__(**given, name=self.name)
        self.built = False
        self.trained: list[Variable] = []
        self._check()

    def _check(self) -> None:
        clips = {name: getattr(self, name) for name in ("clipnorm", "clipvalue", "global_clipnorm")}
        if sum(value is not None for value in clips.values()) > 1:
            raise ArgumentError(f"{self}: only one of clipnorm, clipvalue and global_clipnorm can be set: {clips}")
        if self.use_ema and not 0 <= self.ema_momentum <= 1:
            raise ArgumentError(f"{self}: ema_momentum must be in [0, 1], received {self.ema_momentum}")
        if self.use_ema and self.ema_overwrite_frequency is not None and self.ema_overwrite_frequency < 1:
            raise ArgumentError(f"{self}: ema_overwrite_frequency must be 1 or more or None")
        if self.gradient_accumulation_steps and self.gradient_accumulation_steps < 2:
            raise ArgumentError(
                f"{self}: gradient_accumulation_steps must be 2 or more, received {self.gradient_accumulation_steps}"
            )

    def _set_learning_rate(self, value: Any) -> None:
        held = self._values.get("learning_rate")
        if isinstance(value, LearningRateSchedule):
            if isinstance(held, Variable):
                self._own.remove(held)
            self._values["learning_rate"] = value
        elif held is None:
            self._values["learning_rate"] = self.add_variable(
                (), initializers.Constant(value), name="learning_rate", dtype=floatx()
            )
        elif isinstance(held, Variable):
            held.assign(value)
        else:
            raise ArgumentError(
                f"{self}: its learning rate is a schedule and cannot be set; make the optimizer with a number instead"
            )

    # --- what subclasses define -------------------------------------------------

    def make_slots(self, variables: Sequence[Variable]) -> None:
        """Make the optimizer's variables for these, with `add_slots`, in Keras's order."""

    def emit_scalars(self, b: Emitter, step: Value, learning_rate: Value) -> tuple[Value, ...]:
        """What `emit_step` is given for every variable of one dtype, in that dtype.

        step: the number of this step, from 1. Both are of that dtype.
        """
        return (learning_rate,)

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        """Update a variable and its slots; gradient and scalars have its dtype."""
        raise NotImplementedError(f"{type(self).__name__} does not define emit_step")

    def decay_of(self, variable: Variable) -> float | None:
        """The weight decay of a variable, None for none."""
        return self.weight_decay if self.decays(variable) else None

    # --- variables --------------------------------------------------------------

    @property
    def variables(self) -> list[Variable]:
        """The optimizer's own variables, in the order in which Keras saves them."""
        return list(self._own)

    @property
    def iterations(self) -> Any:
        """How many steps were made."""
        steps = self.gradient_accumulation_steps if "gradient_accumulation_steps" in self._values else None
        return self.iteration.value // steps if steps else self.iteration

    def build(self, variables: Iterable[Variable]) -> None:
        """Make the variables for these weights, once."""
        if self.built:
            return
        self.trained = list(variables)
        if self.use_ema:
            self.add_slots(self.trained, "average")
        if self.gradient_accumulation_steps:
            self.add_slots(self.trained, "gradient_accumulator")
        self.make_slots(self.trained)
        self.built = True

    def add_variable(
        self, shape: Sequence[int], initializer: Any = "zeros", dtype: str | None = None, name: str = "variable"
    ) -> Variable:
        """A new variable of the optimizer."""
        variable = Variable(
            name,
            tuple(shape),
            dtype or "float32",
            initializers.get(initializer),
            trainable=False,
            path=f"{self.name}/{name}",
        )
        self._own.append(variable)
        return variable

    def add_slots(self, variables: Sequence[Variable], *names: str, initializer: Any = "zeros") -> None:
        """For each variable, variables of its shape and dtype by these names."""
        for variable in variables:
            for name in names:
                self.add_slot(variable, name, initializer)

    def add_slot(self, variable: Variable, name: str, initializer: Any = "zeros") -> Variable:
        slot = self.add_variable(
            variable.shape, initializer, variable.dtype, name=f"{variable.path.replace('/', '_')}_{name}"
        )
        self._slots.setdefault(name, {})[id(variable)] = slot
        return slot

    @property
    def slot_names(self) -> tuple[str, ...]:
        """The kinds of variables that `make_slots` has made for each weight, in their order."""
        return tuple(name for name in self._slots if name not in ("average", "gradient_accumulator"))

    def slot(self, variable: Variable, name: str) -> Variable:
        """The slot of that name of a variable. Raises ArgumentError for a variable that `build` was not given."""
        try:
            return self._slots[name][id(variable)]
        except KeyError:
            raise ArgumentError(
                f"{self}: was not built for '{variable.path}'; make a new optimizer for other variables"
            ) from None

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Replace the optimizer's variables. Raises WeightMismatchError, changing none, unless all shapes fit."""
        shapes = [np.shape(weight) for weight in weights]
        if shapes != [variable.shape for variable in self.variables]:
            raise WeightMismatchError(
                f"{self}: has variables {[(v.path, v.shape) for v in self.variables]}, received shapes {shapes}"
            )
        for variable, weight in zip(self.variables, weights, strict=True):
            variable.assign(weight)

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Leave variables out of weight decay: these, and those in whose name one of the patterns is found.

        Raises ArgumentError once the optimizer is built.
        """
        if self.built:
            raise ArgumentError(f"{self}: exclude_from_weight_decay comes before the optimizer is built")
        self._excluded = {id(variable) for variable in var_list or ()}
        self._excluded_names = list(var_names or ())

    def decays(self, variable: Variable) -> bool:
        """Whether a variable takes part in weight decay."""
        named = any(re.search(pattern, variable.name) for pattern in self._excluded_names)
        return not named and id(variable) not in self._excluded

    # --- a step -----------------------------------------------------------------

    def scale_loss(self, loss: Any) -> Any:
        """A loss times `loss_scale_factor`, for the gradients to be taken of."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    def emit_scaled_loss(self, b: Emitter, loss: Value) -> Value:
        """The loss that gradients are to be taken of."""
        return loss if self.loss_scale_factor is None else b.mul(loss, self.loss_scale_factor)

    def emit_updates(self, b: Emitter, gradients_and_variables: Iterable[tuple[Value | None, Variable]]) -> None:
        """Let variables and the optimizer's own become what they are after a step.

        A variable without a gradient stays, with a warning. Constraints hold afterwards. Raises ArgumentError if
        no variable has a gradient.
        """
        pairs = self._present(list(gradients_and_variables))
        self.build(variable for _, variable in pairs)
        with b.origin(f"optimizer '{self.name}' ({type(self).__name__})"):
            b.update(self.iteration, b.add(b.parameter(self.iteration), 1))
            if self.sums_rows:
                pairs = [(summed(b, g), v) for g, v in pairs]
            if self.loss_scale_factor is not None:
                pairs = [(b.div(g, self.loss_scale_factor), v) for g, v in pairs]
            if self.gradient_accumulation_steps:
                self._emit_accumulated(b, pairs, self.gradient_accumulation_steps)
            else:
                self._emit_whole_step(b, pairs)
            if self.use_ema:
                self._emit_averages(b)
            for _, variable in pairs:
                if variable.constraint is not None:
                    b.update(variable, constrained(b, variable.constraint, b.state(variable)))

    def _present(self, pairs: list[tuple[Value | None, Variable]]) -> list[tuple[Value, Variable]]:
        absent = [variable.path for gradient, variable in pairs if gradient is None]
        present = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
        if not present:
            raise ArgumentError(f"{self}: no gradients for any variable: {absent}")
        if absent:
            warnings.warn(f"gradients do not exist for variables {absent}; they stay as they are", stacklevel=3)
        return present

    def _emit_whole_step(self, b: Emitter, pairs: Pairs) -> None:
        """Clip, decay, then update each variable."""
        rate = self.emit_learning_rate(b)
        pairs = list(zip(self._clipped(b, [g for g, _ in pairs]), [v for _, v in pairs], strict=True))
        self._emit_decay(b, [v for _, v in pairs], rate)
        scalars = {
            dtype: self.emit_scalars(b, self.emit_step_number(b, dtype), cast(b, rate, dtype))
            for dtype in dict.fromkeys(variable.dtype for _, variable in pairs)
        }
        for gradient, variable in pairs:
            gradient = cast(b, gradient, variable.dtype)
            if self.has_own_update_step():
                self.emit_own_step(b, gradient, variable, rate)
            else:
                self.emit_step(b, gradient, variable, *scalars[variable.dtype])

    def emit_learning_rate(self, b: Emitter) -> Value:
        """The learning rate of this step, a scalar of float32."""
        held = self._values["learning_rate"]
        if isinstance(held, LearningRateSchedule):
            return held.emit_as_called(b, b.parameter(self.iteration))
        return b.parameter(held)

    def emit_step_number(self, b: Emitter, dtype: str) -> Value:
        """The number of this step, from 1."""
        steps = self.gradient_accumulation_steps
        number = b.add(self._emit_iterations(b), 1) if steps else b.state(self.iteration)
        return b.cast(number, dtype=dtype)

    def _emit_iterations(self, b: Emitter) -> Value:
        """How many steps were made before."""
        count = b.parameter(self.iteration)
        steps = self.gradient_accumulation_steps
        return b.floor_div(count, steps) if steps else count

    def _clipped(self, b: Emitter, gradients: list[Value]) -> list[Value]:
        if self.clipnorm and self.clipnorm > 0:
            return [clip_by_norm(b, gradient, self.clipnorm) for gradient in gradients]
        if self.global_clipnorm and self.global_clipnorm > 0:
            return clip_by_global_norm(b, gradients, self.global_clipnorm)
        if self.clipvalue and self.clipvalue > 0:
            limit = self.clipvalue
            return [by_row(b, gradient, lambda g: b.clip(g, low=-limit, high=limit)) for gradient in gradients]
        return gradients

    def _emit_decay(self, b: Emitter, variables: Sequence[Variable], rate: Value) -> None:
        kept: dict[tuple[float, str], Value] = {}
        for variable in variables:
            decay = self.decay_of(variable)
            if decay is None:
                continue
            key = decay, variable.dtype
            if key not in kept:
                kept[key] = b.sub(1.0, b.mul(cast(b, rate, variable.dtype), decay))
            b.update(variable, b.mul(b.state(variable), kept[key]))

    def _emit_accumulated(self, b: Emitter, pairs: Pairs, steps: int) -> None:
        """Gather gradients, and every so many runs make a step with their mean."""
        due = b.equal(b.mod(b.add(b.parameter(self.iteration), 1), steps), 0)
        held = [self.slot(variable, "gradient_accumulator") for _, variable in pairs]
        sums = [b.add(g, b.parameter(slot)) for (g, _), slot in zip(pairs, held, strict=True)]
        before = dict(b.updates)
        means = [(b.div(s, float(steps)), v) for s, (_, v) in zip(sums, pairs, strict=True)]
        self._emit_whole_step(b, means)
        keep_unless(b, due, before)
        for slot, value in zip(held, sums, strict=True):
            b.update(slot, b.where(due, b.constant(0.0, slot.dtype), value))

    def _emit_averages(self, b: Emitter) -> None:
        """Move the averages; every so often let variables become them."""
        done = self._emit_iterations(b)
        goes_on = b.not_equal(done, 0)
        dtypes = dict.fromkeys(variable.dtype for variable in self.trained)
        momenta = {dtype: b.mul(b.cast(goes_on, dtype=dtype), self.ema_momentum) for dtype in dtypes}
        rests = {dtype: b.sub(1.0, momentum) for dtype, momentum in momenta.items()}
        for variable in self.trained:
            average = self.slot(variable, "average")
            old = b.mul(momenta[variable.dtype], b.state(average))
            b.update(average, b.add(old, b.mul(rests[variable.dtype], b.state(variable))))
        if self.ema_overwrite_frequency:
            due = b.equal(b.mod(b.add(done, 1), self.ema_overwrite_frequency), 0)
            for variable in self.trained:
                b.update(variable, b.where(due, b.state(self.slot(variable, "average")), b.state(variable)))

    def finalize_variable_values(self, var_list: Iterable[Variable]) -> None:
        """Let variables become their moving averages, if such are kept."""
        if self.use_ema:
            for variable in var_list:
                variable.assign(self.slot(variable, "average").value)

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[Variable] | None = None) -> None:
        """Make one step with gradients as arrays, of the variables given or of those the optimizer was built for."""
        variables = self.trained if trainable_variables is None else list(trainable_variables)
        grads = list(grads)
        if len(grads) != len(variables):
            raise ArgumentError(f"{self}: received {len(grads)} gradients for {len(variables)} variables")
        if self.applied_in_trace(grads, variables):
            return
        self.build(variables)
        b = Emitter()
        arrays = [np.asarray(g, numpy_name(v.dtype)) for g, v in zip(grads, variables, strict=True) if g is not None]
        values = iter([b.input(type_of(array)) for array in arrays])
        present = [None if g is None else next(values) for g in grads]
        self.emit_updates(b, zip(present, variables, strict=True))
        evaluate(b.build([]), arrays)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Any:
        """`apply` for pairs of a gradient and its variable."""
        grads, variables = zip(*grads_and_vars, strict=True)
        self.apply(grads, variables)
        return self.iteration

    # --- config -----------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        held = self._values["learning_rate"]
        rate = serialize_object(held) if isinstance(held, LearningRateSchedule) else float(held.value)
        return {**super().get_config(), "learning_rate": rate}

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def keep_unless(b: Emitter, condition: Value, before: Mapping[Variable, Value]) -> None:
    """Take back the updates that were made since `before` where a condition does not hold."""
    for variable, value in list(b.updates.items()):
        if before.get(variable) is not value:
            b.update(variable, b.where(condition, value, before.get(variable) or b.parameter(variable)))


def constrained(b: Emitter, constraint: Any, value: Value) -> Value:
    """The nearest value that a constraint allows, which may be one that a user wrote with `kcompat.ops`."""
    if isinstance(constraint, Constraint) and not overrides(type(constraint), "__call__", "emit"):
        return constraint.emit(b, value)
    return trace(b, constraint, value)


def clip_by_norm(b: Emitter, gradient: Value, limit: float) -> Value:
    """A gradient, shortened to the norm `limit`. Source: tf.clip_by_norm."""
    norm = b.sqrt(total(b, squared(b, gradient)))
    return b.mul(gradient, b.div(b.constant(limit, gradient.dtype), b.maximum(norm, limit)))


def clip_by_global_norm(b: Emitter, gradients: list[Value], limit: float) -> list[Value]:
    """Gradients, shortened together to the norm `limit`; NaN if they are not finite.

    Those of lookups are ordinary ones afterwards, as on TensorFlow: the scale comes first, see `rows`.
    """
    squares = [total(b, squared(b, gradient)) for gradient in gradients]
    norm = squares[0]
    for square in squares[1:]:
        norm = b.add(norm, cast(b, square, norm.dtype))
    norm = b.sqrt(norm)
    finite = b.mul(b.minimum(b.reciprocal(norm), 1 / limit), limit)
    scale = b.add(finite, b.sub(norm, norm))
    return [b.mul(cast(b, scale, gradient.dtype), gradient) for gradient in gradients]
