"""Activations."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result
from kcompat.ir.types import is_float
from kcompat.layers.symbolic import KerasTensor

from .canonical import Rewriter, both_ways, idiom
from .names import scope_of
from .raiser import Raiser, first, raises

_PLAIN = {
    "celu": {"alpha": 1.0},
    "exp": {},
    "gelu": {"approximate": False},
    "hard_shrink": {"threshold": 0.5},
    "hard_silu": {},
    "log_sigmoid": {},
    "mish": {},
    "selu": {},
    "sigmoid": {},
    "silu": {},
    "soft_shrink": {"threshold": 0.5},
    "softplus": {},
    "softsign": {},
    "sparse_plus": {},
    "tanh": {},
    "tanh_shrink": {},
}
"""Operators that are activations of Keras by their name alone, at these attributes."""

_NAMES = {"exp": "exponential"}

_PARAMETRIC: dict[str, Callable[[Any], dict[str, Any]]] = {
    "celu": lambda a: {"alpha": a["alpha"]},
    "gelu": lambda a: {"approximate": a["approximate"]},
    "hard_shrink": lambda a: {"threshold": a["threshold"]},
    "soft_shrink": lambda a: {"threshold": a["threshold"]},
    "squareplus": lambda a: {"b": a["b"]},
    "threshold": lambda a: {"threshold": a["threshold"], "default_value": a["value"]},
    "sparsemax": lambda a: {"axis": a["axis"]},
}
"""Operators that are operations of Keras -> their fields."""


@raises(*_PLAIN)
def plain(r: Raiser, node: Node) -> None:
    if node.attrs == _PLAIN[node.op.name]:
        activation(r, node, _NAMES.get(node.op.name, node.op.name))
    else:
        parametric(r, node)


@raises("squareplus", "threshold")
def parametric(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    fields = _PARAMETRIC[node.op.name](node.attrs)
    r.bind(node.outputs[0], r.op(node.op.name, held.tensor, **fields), held.order)


_LAYERS = {"relu": "ReLU", "softmax": "Softmax"}
"""Activations with a layer of their own, which the path of a node does not call an activation."""


def activation(r: Raiser, node: Node, name: str) -> None:
    """The activation of the layer before, if both have come from one layer, else a layer of its own."""
    x = first(node)
    held = r.held(x)
    if _absorbed(r, node, held.tensor, name):
        r.bind(node.outputs[0], held.tensor, held.order)
    elif name in _LAYERS and "act" not in scope_of(node).rpartition("/")[2]:
        r.bind(node.outputs[0], r.layer(_LAYERS[name], held.tensor), held.order)
    else:
        r.bind(node.outputs[0], r.layer("Activation", held.tensor, activation=name), held.order)


def _absorbed(r: Raiser, node: Node, tensor: KerasTensor, name: str) -> bool:
    layer: Any = tensor.call.layer
    x = first(node)
    if "activation" not in layer.fields or not isinstance(x, Result) or not r.is_read_once(x):
        return False
    if not scope_of(node) or scope_of(node) != scope_of(x.producer):
        return False
    if r.is_shared(layer):
        return bool(layer.activation.name == name)
    if layer.activation.name != "linear":
        return False
    layer.activation = name
    return True


_RELUS = {(0.0, math.inf): "relu", (0.0, 6.0): "relu6", (float(np.float32(0.2)), math.inf): "leaky_relu"}
"""Slope and limit -> the activation that has these."""


@raises("relu")
def relu(r: Raiser, node: Node) -> None:
    slope, most, threshold = (node.attrs[name] for name in ("negative_slope", "max_value", "threshold"))
    held = r.held(first(node))
    named = _RELUS.get((slope, most)) if not threshold else None
    if named is not None and _absorbed(r, node, held.tensor, named):
        r.bind(node.outputs[0], held.tensor, held.order)
    elif named == "relu":
        activation(r, node, "relu")
    elif math.isinf(most) and not threshold and slope > 0:
        r.bind(node.outputs[0], r.layer("LeakyReLU", held.tensor, negative_slope=slope), held.order)
    elif slope >= 0:
        limit = None if math.isinf(most) else most
        y = r.layer("ReLU", held.tensor, max_value=limit, negative_slope=slope, threshold=threshold)
        r.bind(node.outputs[0], y, held.order)
    else:  # layers take no slope below zero
        y = r.op("leaky_relu", held.tensor, negative_slope=slope)
        r.bind(node.outputs[0], y, held.order)


@raises("elu")
def elu(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    if node.attrs["alpha"] == 1:
        activation(r, node, "elu")
    else:
        r.bind(node.outputs[0], r.layer("ELU", held.tensor, alpha=node.attrs["alpha"]), held.order)


@raises("hard_sigmoid")
def hard_sigmoid(r: Raiser, node: Node) -> None:
    """Keras 3 has a slope of 1/6; others are a straight line and a ReLU up to one."""
    alpha, beta = node.attrs["alpha"], node.attrs["beta"]
    held = r.held(first(node))
    if np.isclose(alpha, 1 / 6, rtol=1e-6) and beta == 0.5:
        activation(r, node, "hard_sigmoid")
        return
    line = r.layer("Rescaling", held.tensor, suffix="line", scale=alpha, offset=beta)
    r.bind(node.outputs[0], r.layer("ReLU", line, max_value=1.0), held.order)


@raises("softmax", "log_softmax")
def softmax(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    rank = len(held.order)
    places = sorted(held.place(axis) for axis in node.attrs["axes"])
    if places == [rank - 1]:
        activation(r, node, node.op.name)
        return
    axis = places[0] if len(places) == 1 else tuple(places)
    if node.op.name == "softmax":
        y = r.layer("Softmax", held.tensor, axis=axis)
    else:
        y = r.op("log_softmax", held.tensor, axis=axis)
    r.bind(node.outputs[0], y, held.order)


@raises("sparsemax", "glu")
def along_axis(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    y = r.op(node.op.name, held.tensor, axis=held.place(node.attrs["axis"]))
    r.bind(node.outputs[0], y, held.order)


@raises("prelu")
def prelu(r: Raiser, node: Node) -> None:
    """Slopes that lie along axes behind the batch; the axes along which they are equal are shared."""
    x, slope = first(node), node.inputs[1]
    array = r.known(slope)
    held = r.held(x)
    full = None if array is None else array.reshape([1] * (x.rank - array.ndim) + list(array.shape))
    if full is None or len(full) != 1 or held.order[0] != 0:
        _prelu_of_tensors(r, node)
        return
    full = full.transpose(held.order)
    shared = [axis for axis, size in enumerate(full.shape) if axis and size == 1]
    kept = [axis for axis in range(1, full.ndim) if axis not in shared]
    if any(full.shape[axis] != held.tensor.shape[axis] for axis in kept):
        raise r.refusal(f"slopes {full.shape} do not fit a tensor of shape {held.tensor.shape}")
    y = r.layer("PReLU", held.tensor, weights=(full[0],), shared_axes=shared or None)
    r.bind(node.outputs[0], y, held.order)


def _prelu_of_tensors(r: Raiser, node: Node) -> None:
    x, slope = (r.operand(value) for value in node.inputs)
    below = r.op("multiply", slope, r.op("minimum", x, 0.0, suffix="below"), suffix="slope")
    r.bind(node.outputs[0], r.op("add", r.op("maximum", x, 0.0, suffix="above"), below))


# --- idioms ------------------------------------------------------------------------


def _other(node: Node, value: Value | None) -> Value | None:
    """The operand of a pair that is not this one."""
    one, other = node.inputs
    return other if one is value else one if other is value else None


@idiom("maximum")
def relu_as_maximum(b: Rewriter, node: Node) -> Value | None:
    """max(x, 0)."""
    for x, low in both_ways(node):
        if x is not None and low is not None and b.number(low) == 0 and low.rank <= x.rank:
            return b.relu(x) if x.dtype.startswith("float") else None
    return None


@idiom("minimum")
def limited(b: Rewriter, node: Node) -> Value | None:
    """min(max(x, low), high), with numbers."""
    for x, limit in both_ways(node):
        high = b.number(limit)
        if x is None or limit is None or high is None or limit.rank > x.rank or not x.dtype.startswith("float"):
            continue
        ramp = b.made_by(x, "relu")
        if ramp is not None and ramp.attrs == {"negative_slope": 0.0, "max_value": math.inf, "threshold": 0.0}:
            return b.relu(ramp.inputs[0], max_value=high) if high >= 0 else None
        above = b.made_by(x, "maximum")
        if above is not None:
            for inner, low in both_ways(above):
                number = b.number(low)
                if number is not None and number <= high and low.rank <= inner.rank:  # type: ignore[union-attr]
                    return b.clip(inner, low=number, high=high)
    return None


@idiom("where")
def softplus_of_torch(b: Rewriter, node: Node) -> Value | None:
    """softplus(x), which is x itself where x is so large that no float32 tells them apart."""
    condition, above, below = node.inputs
    greater, softplus = b.made_by(condition, "greater"), b.made_by(below, "softplus")
    if greater is None or softplus is None or not first(softplus) is above is first(greater):
        return None
    threshold = b.number(greater.inputs[1])
    return softplus.outputs[0] if threshold is not None and threshold >= 17 else None


@idiom("where")
def relu_above_a_threshold(b: Rewriter, node: Node) -> Value | None:
    """min(x, high) where x > threshold, slope * (x - threshold) elsewhere."""
    condition, above, below = node.inputs
    greater = b.made_by(condition, "greater")
    threshold = b.number(greater.inputs[1]) if greater is not None else None
    if greater is None or threshold is None or threshold < 0:
        return None
    x, high, slope = first(greater), math.inf, 0.0
    if not is_float(x.dtype) or x.shape != node.outputs[0].shape:
        return None
    if above is not x:
        limits = [b.number(n) for value, n in both_ways(b.made_by(above, "minimum")) if value is x]
        if not limits or limits[0] is None:
            return None
        high = limits[0]
    if b.number(below) != 0:
        found = next(((v, b.number(n)) for v, n in both_ways(b.made_by(below, "mul")) if b.number(n) is not None), None)
        slope = found[1] or 0.0 if found is not None else 0.0
        shifted = b.made_by(found[0], "sub") if found is not None else None
        if slope <= 0 or shifted is None or shifted.inputs[0] is not x or b.number(shifted.inputs[1]) != threshold:
            return None
    if high < threshold:
        return None
    value: Value = b.relu(x, negative_slope=slope, max_value=high, threshold=threshold)
    return value


@idiom("mul")
def silu_and_mish(b: Rewriter, node: Node) -> Value | None:
    """x * sigmoid(x), x * tanh(softplus(x)), x * hard_sigmoid(x)."""
    for x, gate in both_ways(node):
        sigmoid = b.made_by(gate, "sigmoid")
        if sigmoid is not None and sigmoid.inputs[0] is x:
            return b.silu(x)
        tanh = b.made_by(gate, "tanh")
        softplus = b.made_by(tanh.inputs[0], "softplus") if tanh is not None else None
        if softplus is not None and softplus.inputs[0] is x:
            return b.mish(x)
        hard = b.made_by(gate, "hard_sigmoid")
        if hard is not None and hard.inputs[0] is x and _is_sixth(hard):
            return b.hard_silu(x)
    return None


def _is_sixth(node: Node) -> bool:
    return bool(np.isclose(node.attrs["alpha"], 1 / 6, rtol=1e-6)) and node.attrs["beta"] == 0.5


@idiom("div", "mul")
def hard_sigmoid_from_relu6(b: Rewriter, node: Node) -> Value | None:
    """relu6(x + 3) / 6, and x * relu6(x + 3) / 6 however it is associated."""
    if node.op.name == "div":
        scaled = node.inputs[0] if b.is_number(node.inputs[1], 6) else None
    else:
        scaled = next((x for x, n in both_ways(node) if b.is_number(n, 1 / 6)), None)
    x = _shifted_relu6(b, scaled)
    if x is not None:
        return b.hard_sigmoid(x, alpha=1 / 6, beta=0.5)
    product = b.made_by(scaled, "mul")
    for factor in product.inputs if product is not None else ():
        x = _shifted_relu6(b, factor)
        if x is not None and _other(product, factor) is x:  # type: ignore[arg-type]
            return b.hard_silu(x)
    return None


def _shifted_relu6(b: Rewriter, value: Value | None) -> Value | None:
    ramp = b.made_by(value, "relu", "clip")
    if ramp is None or not b.is_read_once(ramp.outputs[0]):
        return None
    limits = (ramp.attrs.get("low", 0.0), ramp.attrs.get("high", ramp.attrs.get("max_value")))
    shifted = b.made_by(ramp.inputs[0], "add")
    if limits != (0.0, 6.0) or ramp.attrs.get("negative_slope") or shifted is None:
        return None
    return next((x for x, n in both_ways(shifted) if b.is_number(n, 3)), None)


@idiom("mul")
def scaled_elu(b: Rewriter, node: Node) -> Value | None:
    """Selu as 1.0507 * elu(x) with alpha 1.6733."""
    for x, factor in both_ways(node):
        elu = b.made_by(x, "elu")
        if elu is not None and b.is_number(factor, 1.0507009873554805) and abs(elu.attrs["alpha"] - 1.67326324) < 1e-5:
            return b.selu(elu.inputs[0])
    return None


@idiom("log")
def log_of_softmax(b: Rewriter, node: Node) -> Value | None:
    """log(softmax(x))."""
    softmax = b.made_by(node.inputs[0], "softmax")
    return None if softmax is None else b.log_softmax(softmax.inputs[0], axes=softmax.attrs["axes"])


@idiom("mul")
def gelu(b: Rewriter, node: Node) -> Value | None:
    """0.5 * x * (1 + erf(x / sqrt 2)), and the same by tanh, in any order of the factors."""
    factors = _factors(b, node)
    numbers = [n for n in (b.number(f) for f in factors) if n is not None]
    others = [f for f in factors if b.number(f) is None]
    if len(others) != 2 or not np.isclose(math.prod(numbers), 0.5, rtol=1e-5):
        return None
    for x, gate in (others, others[::-1]):
        inner = _one_plus(b, gate)
        erf, tanh = b.made_by(inner, "erf"), b.made_by(inner, "tanh")
        if erf is not None and _is_scaled(b, erf.inputs[0], x, math.sqrt(0.5)):
            return b.gelu(x)
        if tanh is not None and _is_cubic(b, tanh.inputs[0], x):
            return b.gelu(x, approximate=True)
    return None


def _factors(b: Rewriter, node: Node) -> list[Value]:
    """What is multiplied, through products that nothing else reads."""
    found = []
    for value in node.inputs:
        inner = b.made_by(value, "mul")
        if inner is not None and b.is_read_once(inner.outputs[0]):
            found += [operand for operand in inner.inputs if operand is not None]
        elif value is not None:
            found.append(value)
    return found


def _one_plus(b: Rewriter, value: Value | None) -> Value | None:
    total = b.made_by(value, "add")
    return next((x for x, one in both_ways(total) if b.is_number(one, 1)), None)


def _is_scaled(b: Rewriter, value: Value | None, x: Value, factor: float) -> bool:
    """Whether a value is x times a number."""
    product = b.made_by(value, "mul", "div")
    if product is None:
        return False
    if product.op.name == "div":
        return product.inputs[0] is x and b.is_number(product.inputs[1], 1 / factor)
    return any(y is x and b.is_number(n, factor) for y, n in both_ways(product))


def _is_cubic(b: Rewriter, value: Value | None, x: Value) -> bool:
    """Whether a value is sqrt(2 / pi) * (x + 0.044715 * x^3)."""
    product = b.made_by(value, "mul")
    inner = next((y for y, n in both_ways(product) if b.is_number(n, math.sqrt(2 / math.pi))), None)
    total = b.made_by(inner, "add")
    cubic = _other(total, x) if total is not None else None
    scaled = b.made_by(cubic, "mul")
    cube = b.made_by(next((y for y, n in both_ways(scaled) if b.is_number(n, 0.044715)), None), "pow")
    return cube is not None and cube.inputs[0] is x and b.is_number(cube.inputs[1], 3)
