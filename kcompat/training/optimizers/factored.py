"""Optimizers that treat matrices as such. Source: keras.src.optimizers 3.15."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from ... import initializers
from ...config import Bool, Field, Float, Int, Kind, optional, registered
from ...ir import Value, Variable
from ...layers.emitter import Emitter
from ..numerics import mean, total
from .base import Optimizer
from .common import COMMON, MODULE, approach, descend, rest_of_power
from .rows import squared


@registered(MODULE)
class Adafactor(Optimizer):
    """Adam that keeps of a matrix's squares the sums of rows and columns alone (Shazeer & Stern 2018)."""

    positional = (
        "learning_rate",
        "beta_2_decay",
        "epsilon_1",
        "epsilon_2",
        "clip_threshold",
        "relative_step",
        "weight_decay",
        *COMMON,
    )

    learning_rate = Optimizer.learning_rate.with_default(0.001)
    beta_2_decay = Field(Float, -0.8)
    epsilon_1 = Field(Float, 1e-30)
    epsilon_2 = Field(Float, 1e-3)
    clip_threshold = Field(Float, 1.0)
    relative_step = Field(Bool, True)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        """For a vector, too, Keras keeps two numbers, which nothing changes."""
        for variable in variables:
            shape, matrix = variable.shape, variable.ndim >= 2
            shapes = (shape[:-1], (*shape[:-2], shape[-1])) if matrix else ((), ())
            for name, kept in zip(("rows", "columns"), shapes, strict=True):
                dtype = variable.dtype if matrix else "int32"
                self._slots.setdefault(name, {})[id(variable)] = self.add_variable(
                    kept, initializers.Zeros(), dtype, name=variable.name
                )
            self.add_slot(variable, "velocity")

    def emit_scalars(self, b: Emitter, step: Value, learning_rate: Value) -> tuple[Value, ...]:
        """Keras's `relative_step` bounds the rate by 1 / sqrt(step), as the size of steps is in any case."""
        size = b.minimum(learning_rate, b.rsqrt(step))
        return size, b.sub(1.0, b.pow(step, self.beta_2_decay))

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        size, keep = scalars
        own = squared(b, gradient)
        squares = b.add(own, self.epsilon_1)
        slot = self.slot(variable, "velocity")
        if variable.ndim >= 2:
            v = self._factored(b, squares, variable, keep)
            b.update(slot, v)
        else:
            v = self._blend(b, slot, squares, keep)
        move = b.div(gradient, b.sqrt(v))
        size_of_move = b.sqrt(mean(b, b.div(own, v)))
        move = b.div(move, b.maximum(b.div(size_of_move, self.clip_threshold), 1.0))
        alpha = b.mul(b.maximum(b.sqrt(mean(b, b.square(b.state(variable)))), self.epsilon_2), size)
        descend(b, variable, b.mul(move, alpha))

    def _factored(self, b: Emitter, squares: Value, variable: Variable, keep: Value) -> Value:
        """The mean squares that the means of rows and columns let expect."""
        rows = self._blend(b, self.slot(variable, "rows"), b.reduce_mean(squares, axes=(-1,)), keep)
        columns = self._blend(b, self.slot(variable, "columns"), b.reduce_mean(squares, axes=(-2,)), keep)
        share = b.div(rows, b.reduce_mean(rows, axes=(-1,), keepdims=True))
        value: Value = b.mul(b.expand_dims(share, axes=(-1,)), b.expand_dims(columns, axes=(-2,)))
        return value

    def _blend(self, b: Emitter, slot: Variable, target: Value, keep: Value) -> Value:
        new: Value = b.add(b.mul(b.state(slot), keep), b.mul(target, b.sub(1.0, keep)))
        b.update(slot, new)
        return new


_Patterns = Kind("a list of patterns", lambda value, owner: [str(item) for item in value or ()])


@registered(MODULE)
class Muon(Optimizer):
    """Orthogonal steps for matrices (Jordan et al. 2024), and Adam's for everything else.

    exclude_layers, exclude_embeddings: variables whose path one of these patterns is found in, and embeddings,
    are left to Adam.
    """

    positional = (
        "learning_rate",
        "adam_beta_1",
        "adam_beta_2",
        "adam_weight_decay",
        "epsilon",
        "weight_decay",
        *COMMON,
        "exclude_layers",
        "exclude_embeddings",
        "muon_a",
        "muon_b",
        "muon_c",
        "adam_lr_ratio",
        "momentum",
        "ns_steps",
        "nesterov",
        "rms_rate",
    )

    learning_rate = Optimizer.learning_rate.with_default(0.001)
    weight_decay = Field(optional(Float), 0.004)
    adam_beta_1 = Field(Float, 0.9)
    adam_beta_2 = Field(Float, 0.999)
    epsilon = Field(Float, 1e-7)
    exclude_layers = Field(_Patterns, [])
    muon_a = Field(Float, 3.4445)
    muon_b = Field(Float, -4.775)
    muon_c = Field(Float, 2.0315)
    adam_lr_ratio = Field(Float, 1)
    momentum = Field(Float, 0.95)
    ns_steps = Field(Int, 5)
    nesterov = Field(Bool, True)
    exclude_embeddings = Field(Bool, True)
    adam_weight_decay = Field(optional(Float), 0.004)
    rms_rate = Field(optional(Float), 0.2)

    def left_to_adam(self, variable: Variable) -> bool:
        """Whether Adam makes a variable's steps."""
        path = variable.path
        embedding = self.exclude_embeddings and "embedding" in path.lower()
        return variable.ndim != 2 or embedding or any(re.search(word, path) for word in self.exclude_layers)

    def make_slots(self, variables: Sequence[Variable]) -> None:
        for variable in variables:
            self.add_slots([variable], "momentum", *(["velocity"] if self.left_to_adam(variable) else []))

    def decay_of(self, variable: Variable) -> float | None:
        decay: float | None = self.adam_weight_decay if self.left_to_adam(variable) else self.weight_decay
        return decay if self.decays(variable) else None

    def emit_scalars(self, b: Emitter, step: Value, learning_rate: Value) -> tuple[Value, ...]:
        root = b.sqrt(rest_of_power(b, self.adam_beta_2, step))
        rate = b.mul(learning_rate, float(self.adam_lr_ratio))
        return learning_rate, b.div(b.mul(rate, root), rest_of_power(b, self.adam_beta_1, step))

    def emit_step(self, b: Emitter, gradient: Value, variable: Variable, *scalars: Value) -> None:
        rate, alpha = scalars
        slot = self.slot(variable, "momentum")
        if self.left_to_adam(variable):
            m = approach(b, slot, gradient, 1 - self.adam_beta_1)
            v = approach(b, self.slot(variable, "velocity"), squared(b, gradient), 1 - self.adam_beta_2)
            descend(b, variable, b.div(b.mul(m, alpha), b.add(b.sqrt(v), self.epsilon)))
            return
        m = b.add(b.mul(b.state(slot), self.momentum), gradient)
        b.update(slot, m)
        ahead = b.add(gradient, b.mul(m, self.momentum)) if self.nesterov else m
        scale = 1.0 if self.rms_rate is None else math.sqrt(max(variable.shape)) * self.rms_rate
        descend(b, variable, b.mul(self._orthogonal(b, ahead), b.mul(rate, scale)))

    def _orthogonal(self, b: Emitter, x: Value) -> Value:
        """Nearly the orthogonal matrix next to x, by Newton and Schulz's iteration."""
        rows, columns = x.shape
        x = _transposed(b, x) if rows > columns else x
        x = b.div(x, b.add(b.sqrt(total(b, b.square(x))), 1e-7))
        for _ in range(self.ns_steps):
            square = b.matmul(x, _transposed(b, x))
            inner = b.add(b.mul(square, self.muon_b), b.mul(b.matmul(square, square), self.muon_c))
            x = b.add(b.mul(x, self.muon_a), b.matmul(inner, x))
        return _transposed(b, x) if rows > columns else x


def _transposed(b: Emitter, x: Value) -> Value:
    value: Value = b.transpose(x, perm=(1, 0))
    return value
