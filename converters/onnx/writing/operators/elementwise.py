"""Operators on each element alone."""

from __future__ import annotations

import math

from kcompat.operators.special import SELU_ALPHA, SELU_SCALE

from ..call import Call, writes
from ..output import onnx_type


@writes("relu")
def _relu(w: Call) -> str:
    x, slope, top, threshold = w.x(), w.attr("negative_slope"), w.attr("max_value"), w.attr("threshold")
    if threshold:
        below = w.add("Mul", w.add("Sub", x, w.like(threshold)), w.like(slope)) if slope else w.like(0)
        above = x if math.isinf(top) else w.add("Min", x, w.like(top))
        return w.add("Where", w.add("Greater", x, w.like(threshold)), above, below)
    if slope:
        x = w.add("LeakyRelu", x, alpha=slope)
        return x if math.isinf(top) else w.add("Min", x, w.like(top))
    return w.add("Relu", x) if math.isinf(top) else w.add("Clip", x, min=w.like(0), max=w.like(top))


@writes("clip")
def _clip(w: Call) -> str:
    low, high = (None if w.attr(name) is None else w.like(w.attr(name)) for name in ("low", "high"))
    return w.x() if low is None and high is None else w.add("Clip", w.x(), min=low, max=high)


@writes("gelu")
def _gelu(w: Call) -> str:
    """Native from opset 20 on."""
    x, approximate = w.x(), w.attr("approximate")
    if w.has("Gelu"):
        return w.add("Gelu", x, approximate="tanh" if approximate else "none")
    if approximate:
        cube = w.add("Mul", w.add("Mul", w.add("Mul", x, x), x), w.like(0.044715))
        inner = w.add("Tanh", w.add("Mul", w.add("Add", x, cube), w.like(math.sqrt(2 / math.pi))))
    else:
        inner = w.add("Erf", w.add("Div", x, w.like(math.sqrt(2))))
    return w.add("Mul", w.add("Mul", x, w.add("Add", inner, w.like(1))), w.like(0.5))


@writes("silu")
def _silu(w: Call) -> str:
    """Swish (opset 24) is not used: onnxruntime 1.31 does not have it."""
    return w.add("Mul", w.x(), w.add("Sigmoid", w.x()))


@writes("mish")
def _mish(w: Call) -> str:
    if w.has("Mish"):
        return w.add("Mish", w.x())
    return w.add("Mul", w.x(), w.chain(w.x(), "Softplus", "Tanh"))


@writes("selu")
def _selu(w: Call) -> str:
    return w.add("Selu", w.x(), alpha=SELU_ALPHA, gamma=SELU_SCALE)


@writes("log_sigmoid")
def _log_sigmoid(w: Call) -> str:
    return w.chain(w.x(), "Neg", "Softplus", "Neg")


@writes("tanh_shrink")
def _tanh_shrink(w: Call) -> str:
    return w.add("Sub", w.x(), w.add("Tanh", w.x()))


@writes("soft_shrink", "hard_shrink")
def _shrink(w: Call) -> str:
    limit = w.attr("threshold")
    return w.add("Shrink", w.x(), lambd=limit, bias=limit if w.node.op.name == "soft_shrink" else 0.0)


@writes("sparse_plus")
def _sparse_plus(w: Call) -> str:
    x = w.x()
    shifted = w.add("Add", x, w.like(1))
    curve = w.add("Mul", w.add("Mul", shifted, shifted), w.like(0.25))
    upper = w.add("Where", w.add("Less", x, w.like(1)), curve, x)
    return w.add("Where", w.add("LessOrEqual", x, w.like(-1)), w.like(0), upper)


@writes("squareplus")
def _squareplus(w: Call) -> str:
    x = w.x()
    root = w.add("Sqrt", w.add("Add", w.add("Mul", x, x), w.like(w.attr("b"))))
    return w.add("Mul", w.add("Add", x, root), w.like(0.5))


@writes("threshold")
def _threshold(w: Call) -> str:
    limit, value = w.attr("threshold"), w.attr("value")
    if value == 0:
        return w.add("ThresholdedRelu", w.x(), alpha=limit)
    return w.add("Where", w.add("Greater", w.x(), w.like(limit)), w.x(), w.like(value))


@writes("prelu")
def _prelu(w: Call) -> str:
    """PRelu broadcasts the slope to x, not x to the slope."""
    x, slope = w.x(0), w.x(1)
    if w.node.outputs[0].shape == w.type().shape:
        return w.add("PRelu", x, slope)
    return w.add("Where", w.add("Less", x, w.like(0)), w.add("Mul", slope, x), x)


@writes("square")
def _square(w: Call) -> str:
    return w.add("Mul", w.x(), w.x())


@writes("rsqrt")
def _rsqrt(w: Call) -> str:
    return w.chain(w.x(), "Sqrt", "Reciprocal")


@writes("expm1")
def _expm1(w: Call) -> str:
    return w.chain(w.x(), "Exp", ("Sub", w.like(1)))


@writes("log1p")
def _log1p(w: Call) -> str:
    return w.chain(w.x(), ("Add", w.like(1)), "Log")


@writes("atan2")
def _atan2(w: Call) -> str:
    """The arc tangent of y / x, half a turn further where x is negative; zero at the origin. Zeros have signs."""
    y, x, zero = w.x(0), w.x(1), w.like(0)
    below = w.add("Or", w.add("Less", y, zero), w.add("Less", w.add("Reciprocal", y), zero))
    half = w.add("Where", below, w.like(-math.pi), w.like(math.pi))
    turn = w.add("Where", w.add("Less", x, zero), half, zero)
    is_origin = w.add("And", w.add("Equal", x, zero), w.add("Equal", y, zero))
    safe = w.add("Where", is_origin, w.like(1), x)
    return w.add("Add", w.add("Atan", w.add("Div", y, safe)), turn)


@writes("not_equal")
def _not_equal(w: Call) -> str:
    if w.dtype == "bool":
        return w.add("Xor", w.x(0), w.x(1))
    return w.add("Not", w.add("Equal", w.x(0), w.x(1)))


@writes("maximum", "minimum")
def _extreme(w: Call) -> str:
    largest = w.node.op.name == "maximum"
    if w.dtype == "bool":
        return w.add("Or" if largest else "And", w.x(0), w.x(1))
    return w.add("Max" if largest else "Min", w.x(0), w.x(1))


@writes("add", "mul")
def _sum_or_product(w: Call) -> str:
    """Of truth values these are "or" and "and"."""
    is_sum = w.node.op.name == "add"
    if w.dtype == "bool":
        return w.add("Or" if is_sum else "And", w.x(0), w.x(1))
    return w.add("Add" if is_sum else "Mul", w.x(0), w.x(1))


@writes("cast", "float_to_int")
def _cast(w: Call) -> str:
    to = w.attr("dtype")
    if onnx_type(to) == onnx_type(w.dtype):
        return w.x()
    if "string" in (to, w.dtype) or to.startswith("complex"):
        raise w.refusal(f"it makes {to} of {w.dtype}")
    return w.add("Cast", w.x(), to=onnx_type(to))


@writes("is_inf")
def _is_inf(w: Call) -> str:
    return w.add("IsInf", w.x(), detect_positive=int(w.attr("positive")), detect_negative=int(w.attr("negative")))


@writes("fmod")
def _fmod(w: Call) -> str:
    return w.add("Mod", w.x(0), w.x(1), fmod=1)


@writes("mod")
def _mod(w: Call) -> str:
    """Mod without fmod takes no floats."""
    x, y = w.x(0), w.x(1)
    if not w.is_float:
        return w.add("Mod", x, y)
    return w.add("Sub", x, w.add("Mul", w.add("Floor", w.add("Div", x, y)), y))


@writes("floor_div")
def _floor_div(w: Call) -> str:
    """Div cuts integers off toward zero, and has no result where the divisor is zero."""
    x, y = w.x(0), w.x(1)
    if w.is_float:
        return w.add("Floor", w.add("Div", x, y))
    nothing = w.add("Equal", y, w.like(0))
    safe = w.add("Where", nothing, w.like(1), y)
    quotient = w.add("Div", w.add("Sub", x, w.add("Mod", x, safe)), safe)
    return w.add("Where", nothing, w.like(0), quotient)


@writes("shift_left", "shift_right")
def _shift(w: Call) -> str:
    x, count, left = w.x(0), w.x(1), w.node.op.name == "shift_left"
    if w.dtype.startswith("uint"):
        return w.add("BitShift", x, count, direction="LEFT" if left else "RIGHT")
    factor = w.cast(w.add("Pow", w.output.constant(2, "int64"), w.cast(count, "int64")), w.dtype)
    if left:
        return w.add("Mul", x, factor)
    return w.add("Div", w.add("Sub", x, w.add("Mod", x, factor)), factor)


@writes("bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not")
def _bitwise(w: Call) -> str:
    op = w.node.op.onnx
    if w.dtype == "bool":
        logical = {"BitwiseAnd": "And", "BitwiseOr": "Or", "BitwiseXor": "Xor", "BitwiseNot": "Not"}
        return w.add(logical[str(op)], *w.names)
    w.require_opset(18, str(op))
    return w.add(str(op), *w.names)


@writes("where")
def _where(w: Call) -> str:
    condition = w.x() if w.dtype == "bool" else w.cast(w.x(), "bool")
    return w.add("Where", condition, w.x(1), w.x(2))


@writes("logical_and", "logical_or", "logical_not")
def _logical(w: Call) -> str:
    """Numbers count as true where they are not zero."""
    flags = [
        name if value is not None and value.dtype == "bool" else w.cast(name, "bool")
        for name, value in zip(w.names, w.node.inputs, strict=True)
    ]
    return w.add(str(w.node.op.onnx), *flags)


@writes("less", "less_equal", "greater", "greater_equal")
def _compared(w: Call) -> str:
    """Truth values have an order here, in ONNX they have none."""
    names = [w.cast(name, "int32") for name in w.names] if w.dtype == "bool" else list(w.names)
    return w.add(str(w.node.op.onnx), *names)


@writes("stop_gradient", "straight_through")
def _itself(w: Call) -> str:
    return w.add("Identity", w.x())


@writes("sign", "neg", "abs")
def _signed(w: Call) -> str:
    if w.dtype == "bool" or (w.node.op.name == "neg" and w.dtype.startswith("uint")):
        raise w.refusal(f"{w.node.op.onnx} does not take {w.dtype}")
    return w.add(str(w.node.op.onnx), w.x())
