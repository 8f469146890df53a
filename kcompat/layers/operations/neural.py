"""Activations, normalisation and attention as functions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...activations import ACTIVATIONS
from ...config import Bool, Field, Float, Int, IntOrInts, one_of, optional
from ...errors import ShapeError
from ...ir import Value
from ...ir.types import normalize_axes, shape_text
from ...settings import epsilon
from ..emitter import Emitter
from .indexing import lower_triangle
from .operands import as_floating, as_value, meet_strong
from .operation import Axes, Emit, Number, Operation, axes_of, function_of, operation
from .reductions import Norm, variance

# --- activations ---------------------------------------------------------------------

_PLAIN = {
    "HardSigmoid": "hard_sigmoid",
    "HardSilu": "hard_silu",
    "HardTanh": "hard_tanh",
    "LogSigmoid": "log_sigmoid",
    "Relu": "relu",
    "Relu6": "relu6",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Silu": "silu",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "SparsePlus": "sparse_plus",
    "SparseSigmoid": "sparse_sigmoid",
    "TanhShrink": "tanh_shrink",
}
"""Class -> the activation that it is."""

_ALIASES = {"HardSilu": ("hard_silu", "hard_swish"), "Silu": ("silu", "swish")}


def _activation(name: str) -> Emit:
    def emit(b: Emitter, x: Any) -> Value:
        return ACTIVATIONS[name].emit(b, as_value(b, x))

    emit.__doc__ = f"The activation {name}."
    return emit


for _class, _name in _PLAIN.items():
    function_of("nn", _class, *_ALIASES.get(_class, ()))(_activation(_name))


class _Parametric(Operation):
    """An activation with the operation's fields as its arguments."""

    activation: str

    def emit(self, b: Emitter, x: Any) -> Value:
        return ACTIVATIONS[self.activation].emit(
            b, as_value(b, x), **{name: getattr(self, name) for name in self.fields}
        )


@operation("nn")
class LeakyRelu(_Parametric):
    """x above zero, negative_slope * x below. Source: keras.ops.leaky_relu."""

    activation = "leaky_relu"
    negative_slope = Field(Number, 0.2)


@operation("nn")
class Elu(_Parametric):
    """x above zero, alpha * (exp(x) - 1) below. Source: keras.ops.elu."""

    activation = "elu"
    alpha = Field(Number, 1.0)


@operation("nn")
class Celu(_Parametric):
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1)). Source: keras.ops.celu."""

    activation = "celu"
    alpha = Field(Number, 1.0)


@operation("nn")
class Gelu(_Parametric):
    """x times the normal distribution function of x, by tanh if approximate. Source: keras.ops.gelu."""

    activation = "gelu"
    approximate = Field(Bool, True)


@operation("nn")
class HardShrink(_Parametric):
    """x, and zero within the threshold. Source: keras.ops.hard_shrink."""

    activation = "hard_shrink"
    threshold = Field(Number, 0.5)


@operation("nn")
class SoftShrink(_Parametric):
    """x moved by the threshold towards zero, and zero within it. Source: keras.ops.soft_shrink."""

    activation = "soft_shrink"
    threshold = Field(Number, 0.5)


@operation("nn")
class Threshold(_Parametric):
    """x above the threshold, default_value elsewhere. Source: keras.ops.threshold."""

    activation = "threshold"
    threshold = Field(Number)
    default_value = Field(Number)


@operation("nn")
class Squareplus(Operation):
    """(x + sqrt(x^2 + b)) / 2. Source: keras.ops.squareplus."""

    b = Field(Number, 4)

    def emit(self, b: Emitter, x: Any) -> Value:
        return b.squareplus(as_value(b, x), b=self.b)


@operation("nn")
class Glu(Operation):
    """The first half of an axis times the sigmoid of the second. Source: keras.ops.glu."""

    axis = Field(Int, -1)

    def emit(self, b: Emitter, x: Any) -> Value:
        return b.glu(as_value(b, x), axis=self.axis)


@operation("nn")
class Sparsemax(Operation):
    """Keras's sparsemax along an axis. Source: keras.ops.sparsemax."""

    axis = Field(Int, -1)

    def emit(self, b: Emitter, x: Any) -> Value:
        return b.sparsemax(as_value(b, x), axis=self.axis)


class _OverAxes(Operation):
    axis = Field(Axes, -1)
    card: str

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        value: Value = getattr(b, self.card)(x, axes=axes_of(self.axis, x))
        return value


@operation("nn")
class Softmax(_OverAxes):
    """exp(x), divided by its sum over axes. Source: keras.ops.softmax."""

    card = "softmax"


@operation("nn")
class LogSoftmax(_OverAxes):
    """The logarithm of softmax. Source: keras.ops.log_softmax."""

    card = "log_softmax"


# --- normalisation -------------------------------------------------------------------


def _along(b: Emitter, vector: Value, x: Value, axes: Sequence[int]) -> Value:
    """A tensor over some axes of x, with axes of size one for the others."""
    if vector.rank == x.rank or vector.rank != len(axes):
        return vector
    return b.expand_dims(vector, axes=[axis for axis in range(x.rank) if axis not in axes])


def _smallest(value: float | None) -> float:
    return epsilon() if value is None else value


@operation("nn")
class Moments(Operation):
    """The mean and the variance over axes. Source: keras.ops.moments."""

    axes = Field(IntOrInts)
    keepdims = Field(Bool, False)
    synchronized = Field(Bool, False)

    def emit(self, b: Emitter, x: Any) -> tuple[Value, Value]:
        x = as_floating(b, x)
        axes = axes_of(self.axes, x)
        return b.reduce_mean(x, axes=axes, keepdims=self.keepdims), variance(b, x, axes, self.keepdims)


@operation("nn", "batch_normalization")
class BatchNorm(Operation):
    """(x - mean) / sqrt(variance + epsilon) * scale + offset, with vectors along an axis.

    Source: keras.ops.batch_normalization.
    """

    axis = Field(IntOrInts)
    epsilon = Field(Float, 0.001)
    parameters = ("x", "mean", "variance", "axis", "offset", "scale", "epsilon")

    def emit(self, b: Emitter, x: Any, mean: Any, variance: Any, offset: Any = None, scale: Any = None) -> Value:
        x = as_floating(b, x)
        axes = normalize_axes(axes_of(self.axis, x), x.rank)
        mean, variance, offset, scale = (
            None if v is None else _along(b, as_value(b, v, x.dtype), x, axes) for v in (mean, variance, offset, scale)
        )
        factor = b.rsqrt(b.add(variance, self.epsilon))
        factor = factor if scale is None else b.mul(factor, scale)
        shifted = b.mul(b.sub(x, mean), factor)
        return shifted if offset is None else b.add(shifted, offset)


@operation("nn", "layer_normalization")
class LayerNorm(Operation):
    """Zero mean and unit variance over axes, then gamma and beta. Source: keras.ops.layer_normalization."""

    axis = Field(IntOrInts, -1)
    epsilon = Field(optional(Float), None)
    rms_scaling = Field(Bool, False)
    parameters = ("x", "gamma", "beta", "axis", "epsilon", "rms_scaling")

    def emit(self, b: Emitter, x: Any, gamma: Any = None, beta: Any = None) -> Value:
        x = as_floating(b, x)
        axes = sorted(normalize_axes(axes_of(self.axis, x), x.rank))
        weights = [None if v is None else _along(b, as_value(b, v, x.dtype), x, axes) for v in (gamma, beta)]
        if self.rms_scaling:
            scaled = b.mul(x, b.rsqrt(b.add(variance(b, x, tuple(axes), True), _smallest(self.epsilon))))
            return scaled if weights[0] is None else b.mul(scaled, weights[0])
        return b.layer_norm(x, *weights, axes=axes, epsilon=_smallest(self.epsilon))


@operation("nn", "rms_normalization")
class RMSNorm(Operation):
    """Unit mean square over axes, then a scale that broadcasts. Source: keras.ops.rms_normalization."""

    axis = Field(IntOrInts, -1)
    epsilon = Field(optional(Float), None)
    parameters = ("x", "scale", "axis", "epsilon")
    named = ("scale",)

    def emit(self, b: Emitter, x: Any, scale: Any = None) -> Value:
        x = as_floating(b, x)
        gamma = None if scale is None else as_value(b, scale, x.dtype)
        return b.rms_norm(x, gamma, axes=axes_of(self.axis, x), epsilon=_smallest(self.epsilon))


@operation("nn")
class Normalize(Operation):
    """x over its norm along axes, which counts as epsilon at least. Source: keras.ops.normalize."""

    axis = Field(IntOrInts, -1)
    order = Field(Int, 2)
    epsilon = Field(optional(Float), None)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_floating(b, x)
        smallest = _smallest(self.epsilon)
        if self.order == 2:
            power = b.reduce_sum(b.square(x), axes=axes_of(self.axis, x), keepdims=True)
            return b.mul(x, b.minimum(b.rsqrt(power), 1 / smallest))
        norm = Norm(ord=self.order, axis=self.axis, keepdims=True, name=self.name)
        return b.div(x, b.maximum(norm.emit(b, x), smallest))


# --- attention -----------------------------------------------------------------------

_MASKED = -0.7 * 3.38953e38
"""What Keras puts in place of scores that a mask hides."""


@operation("nn")
class DotProductAttention(Operation):
    """softmax(scale * query keys^T + bias) values, for every head.

    query (batch, targets, heads, size), key and value (batch, sources, key heads, size), where the
    key heads divide the heads; bias and mask broadcast to (batch, heads, targets, sources).
    Source: keras.ops.dot_product_attention.
    """

    is_causal = Field(Bool, False)
    flash_attention = Field(optional(Bool), None)
    attn_logits_soft_cap = Field(one_of(None), None)
    parameters = (
        "query",
        "key",
        "value",
        "bias",
        "mask",
        "scale",
        "is_causal",
        "flash_attention",
        "attn_logits_soft_cap",
    )
    named = ("bias", "mask", "scale")

    def emit(
        self, b: Emitter, query: Any, key: Any, value: Any, bias: Any = None, mask: Any = None, scale: Any = None
    ) -> Value:
        q, k, v = meet_strong(b, query, key, value, floating=True)
        if any(x.rank != 4 for x in (q, k, v)):
            shapes = ", ".join(shape_text(x.shape) for x in (q, k, v))
            raise ShapeError(f"{self}: query, key and value must have four axes, received {shapes}")
        k, v = (self._repeated(b, x, q) for x in (k, v))
        scores = b.einsum(q, k, equation="btnh,bsnh->bnts")
        scores = b.mul(scores, self._scale(b, q, scale))
        if bias is not None:
            scores = b.add(scores, as_value(b, bias, q.dtype))
        weights = b.softmax(self._hidden(b, scores, mask), axes=(-1,))
        return b.einsum(weights, v, equation="bnts,bsnh->btnh")

    def _repeated(self, b: Emitter, x: Value, query: Value) -> Value:
        """Keys or values with a head for each of the query's."""
        heads, own = query.shape[2], x.shape[2]
        if not isinstance(heads, int) or not isinstance(own, int) or own in (1, heads):
            return x
        if own == 0 or heads % own:
            raise ShapeError(f"{self}: {own} heads of keys do not divide {heads} heads of queries")
        return b.repeat(x, axis=2, count=heads // own)

    def _scale(self, b: Emitter, query: Value, scale: Any) -> Value:
        if scale is not None:
            return as_value(b, scale, query.dtype)
        size = query.shape[3]
        if not isinstance(size, int):
            raise ShapeError(f"{self}: the size of the heads must be known, received {shape_text(query.shape)}")
        return as_value(b, 1 / math.sqrt(size), query.dtype)

    def _hidden(self, b: Emitter, scores: Value, mask: Any) -> Value:
        shown = None if mask is None else as_value(b, mask, "bool")
        if self.is_causal:
            earlier = lower_triangle(b, scores)
            shown = earlier if shown is None else b.logical_and(shown, earlier)
        return scores if shown is None else b.where(shown, scores, as_value(b, _MASKED, scores.dtype))
