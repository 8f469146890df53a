"""Operators as others that kernels compute."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from ..ir import Constant, Graph, Node, Value
from ..ir.types import normalize_axes, normalize_axis
from ..operators.conv import is_of_one_pixel
from ..operators.window import extent
from .rewrite import Rewrite, rewrite

Rule = Callable[[Rewrite, Node, "list[Any]"], "Value | list[Value] | None"]


def decompose(graph: Graph) -> Graph:
    """Given crossentropies of logits, a transposed convolution of stride one, moments, normalisation by statistics
    that are computed, a reduction over axes that lie apart, softmax along others than the last axes, normalisation by
    own statistics with weights along other axes than those, glu, powers to a small known number, or a maximum and then
    a minimum of known numbers. Result: logarithms and sums; a convolution with the kernel reversed; means; pointwise
    operators; one reduction after another; softmax between transposes; normalisation and then a product and a sum; a
    product of two slices; products; clip."""
    return rewrite(graph, _decomposed)


def _decomposed(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | list[Value] | None:
    rule = _RULES.get(node.op.name)
    return None if rule is None else rule(work, node, operands)


def _softmax_cross_entropy(work: Rewrite, node: Node, operands: list[Value]) -> Value:
    labels, logits = operands
    axis = normalize_axis(node.attrs["axis"], logits.rank)
    b = work.b
    return b.neg(b.reduce_sum(b.mul(labels, b.log_softmax(logits, axes=(axis,))), axes=(axis,)))


def _conv_transpose(work: Rewrite, node: Node, operands: list[Value]) -> Value | None:
    x, w, bias = operands
    attrs = node.attrs
    is_depthwise = w.shape[-2] == 1 and attrs["groups"] == x.shape[1 if attrs["layout"] == "channels_first" else -1]
    if (
        any(stride != 1 for stride in attrs["strides"])
        or is_of_one_pixel(x, attrs)
        or not (attrs["groups"] == 1 or is_depthwise)
    ):
        return None
    spans = [extent(k, d) - 1 for k, d in zip(w.shape[:-2], attrs["dilations"], strict=True)]
    pads = [
        (span - low, span - high + more)
        for span, (low, high), more in zip(spans, attrs["pads"], attrs["output_padding"], strict=True)
    ]
    if any(low < 0 or high < 0 for low, high in pads):
        return None
    taps = tuple(range(len(spans)))
    nothing = (None,) * len(taps)
    reversed_kernel = work.b.slice(w, starts=nothing, stops=nothing, steps=(-1,) * len(taps), axes=taps)
    swapped = (*taps, w.rank - 1, w.rank - 2)
    kernel = reversed_kernel if is_depthwise else work.b.transpose(reversed_kernel, perm=swapped)
    options = {name: attrs[name] for name in ("strides", "dilations", "groups", "layout")}
    return work.b.conv(x, kernel, bias, pads=pads, **options)


def _sigmoid_cross_entropy(work: Rewrite, node: Node, operands: list[Value]) -> Value | None:
    labels, logits = operands
    b = work.b
    tail = b.log1p(b.exp(b.neg(b.abs(logits))))
    return b.add(b.sub(b.maximum(logits, 0.0), b.mul(logits, labels)), tail)


def _moments(work: Rewrite, node: Node, operands: list[Value]) -> list[Value]:
    (x,) = operands
    b, axes, keepdims = work.b, node.attrs["axes"], node.attrs["keepdims"]
    mean = _reduced(work, "reduce_mean", x, axes, True)
    variance = _reduced(work, "reduce_mean", b.square(b.sub(x, mean)), axes, keepdims)
    return [mean if keepdims else b.squeeze(mean, axes=axes), variance]


def _batch_norm(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    x, mean, variance, gamma, beta = operands
    assert x is not None
    assert mean is not None
    assert variance is not None
    if x.dtype != "float32" or all(value is None or isinstance(value, Constant) for value in operands[1:]):
        return None
    b, axis = work.b, normalize_axis(node.attrs["axis"], x.rank)
    shape = [1] * x.rank
    shape[axis] = -1

    def along(vector: Value) -> Value:
        return vector if axis == x.rank - 1 else b.reshape(vector, shape=shape)

    scale = b.rsqrt(b.add(variance, node.attrs["epsilon"]))
    scale = scale if gamma is None else b.mul(scale, gamma)
    normal = b.mul(b.sub(x, along(mean)), along(scale))
    return normal if beta is None else b.add(normal, along(beta))


def _reduction(work: Rewrite, node: Node, operands: list[Value]) -> Value:
    return _reduced(work, node.op.name, operands[0], node.attrs["axes"], node.attrs["keepdims"])


def _reduced(work: Rewrite, name: str, x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    """A reduction; of axes that lie apart, the last ones that lie together first."""
    axes = tuple(sorted(normalize_axes(axes, x.rank)))
    gap = next((place for place in range(len(axes) - 1, 0, -1) if axes[place] != axes[place - 1] + 1), 0)
    result: Value = getattr(work.b, name)(x, axes=axes[gap:], keepdims=keepdims)
    return _reduced(work, name, result, axes[:gap], keepdims) if gap else result


def _softmax(work: Rewrite, node: Node, operands: list[Value]) -> Value | None:
    """Along axes that are not the last ones: between transposes."""
    (x,) = operands
    axes = sorted(normalize_axis(axis, x.rank) for axis in node.attrs["axes"])
    last = range(x.rank - len(axes), x.rank)
    if axes == [*last]:
        return None
    perm = [*(axis for axis in range(x.rank) if axis not in axes), *axes]
    turned: Value = getattr(work.b, node.op.name)(work.b.transpose(x, perm=perm), axes=last)
    return work.b.transpose(turned, perm=[perm.index(axis) for axis in range(x.rank)])


def _pow(work: Rewrite, node: Node, operands: list[Value]) -> Value | None:
    """To a known power that products compute."""
    x, exponent = operands
    if not isinstance(exponent, Constant) or exponent.data.size != 1 or x.dtype != "float32" or exponent.rank > x.rank:
        return None
    match float(exponent.data.item()):
        case 1.0:
            return x
        case 2.0:
            return work.b.square(x)
        case 3.0:
            return work.b.mul(work.b.square(x), x)
        case -1.0:
            return work.b.reciprocal(x)
    return None


def _minimum(work: Rewrite, node: Node, operands: list[Value]) -> Value | None:
    x, high = operands
    maximum = work.producer(x, "maximum")
    if maximum is None or not work.single_use(x):
        return None
    inner, low = maximum.inputs
    bounds = [_number(low), _number(high)]
    if inner is None or None in bounds or x.dtype != "float32":
        return None
    return work.b.clip(inner, low=bounds[0], high=bounds[1])


def _number(value: Value | None) -> float | None:
    """A known number, which is not NaN."""
    if not isinstance(value, Constant) or value.rank or np.isnan(value.data):
        return None
    return float(value.data)


def _own_norm(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    """Weights that differ from row to row of what is normalised follow it."""
    x, *weights = operands
    assert x is not None
    axes = normalize_axes(node.attrs["axes"], x.rank)
    if not any(_varies_outside(weight, x.rank, axes) for weight in weights if weight is not None):
        return None
    result: Value = getattr(work.b, node.op.name)(x, **node.attrs)
    for name, weight in zip(("mul", "add"), weights, strict=False):
        result = result if weight is None else getattr(work.b, name)(result, weight)
    return result


def _varies_outside(weight: Value, rank: int, axes: Collection[int]) -> bool:
    return any(size != 1 and axis + rank - weight.rank not in axes for axis, size in enumerate(weight.shape))


def _glu(work: Rewrite, node: Node, operands: list[Value]) -> Value | None:
    (x,) = operands
    axis = normalize_axis(node.attrs["axis"], x.rank)
    size = x.shape[axis]
    if not isinstance(size, int):
        return None
    value = work.b.slice(x, starts=(0,), stops=(size // 2,), steps=(1,), axes=(axis,))
    gate = work.b.slice(x, starts=(size // 2,), stops=(size,), steps=(1,), axes=(axis,))
    return work.b.mul(value, work.b.sigmoid(gate))


_RULES: dict[str, Rule] = {
    "glu": _glu,
    "pow": _pow,
    "minimum": _minimum,
    "softmax_cross_entropy": _softmax_cross_entropy,
    "sigmoid_cross_entropy": _sigmoid_cross_entropy,
    "conv_transpose": _conv_transpose,
    "moments": _moments,
    "batch_norm": _batch_norm,
    **dict.fromkeys(("softmax", "log_softmax"), _softmax),
    **dict.fromkeys(("layer_norm", "rms_norm"), _own_norm),
    **dict.fromkeys(("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod"), _reduction),
}
