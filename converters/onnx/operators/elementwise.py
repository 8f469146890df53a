"""Operators on each element alone."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
from onnx import TensorProto

from kcompat.errors import ArgumentError, DtypeError
from kcompat.ir import Value
from kcompat.ir.types import is_float

from ..call import DIRECT, Call, NeedsHost, axis_of, handles
from ..tensors import ir_dtype_of


def _broadcast_before_7(c: Call) -> tuple[Value, Value]:
    """Until opset 6, y was aligned to the end of x, or to `axis`, and only if `broadcast` was set."""
    x, y = c.x(0), c.x(1)
    if c.opset >= 7 or "axis" not in c.attrs:
        return x, y
    axis = axis_of(int(c.attrs["axis"]), x.rank)
    return x, c.reshaped(y, (*c.shape(y), *[1] * (x.rank - axis - y.rank)))


@handles("Add", "Sub", "Mul", "Div", "And", "Or", "Equal", "Less", "Greater", "LessOrEqual", "GreaterOrEqual")
def _binary(c: Call) -> Any:
    x, y = _broadcast_before_7(c)
    if x.dtype == "string" and c.node.op != "Equal":
        raise DtypeError(f"{c.node.op} takes numbers, received texts")
    return c.b.apply(DIRECT[c.node.op], x, y)


@handles("Xor")
def _xor(c: Call) -> Any:
    return c.b.not_equal(*_broadcast_before_7(c))


@handles("Pow")
def _pow(c: Call) -> Any:
    x, y = _broadcast_before_7(c)
    if x.dtype == y.dtype and is_float(x.dtype):
        return c.b.pow(x, y)
    return c.cast(c.b.pow(c.cast(x, "float64"), c.cast(y, "float64")), x.dtype)


@handles("Mod")
def _mod(c: Call) -> Any:
    if not c.get("fmod", 0):
        return c.b.mod(c.x(0), c.x(1))
    return c.b.fmod(c.x(0), c.x(1))


@handles("Max", "Min", "Sum", "Mean")
def _variadic(c: Call) -> Any:
    card = {"Max": "maximum", "Min": "minimum"}.get(c.node.op, "add")
    total = reduce(lambda x, y: getattr(c.b, card)(x, y), (c.x(i) for i in range(len(c))))
    return c.b.div(total, len(c)) if c.node.op == "Mean" and len(c) > 1 else total


@handles("Identity")
def _identity(c: Call) -> Any:
    return c.x()


@handles("Optional", "OptionalGetElement")
def _optional(c: Call) -> Any:
    """An optional tensor is the tensor; None, or another kind of value, is the host's."""
    if c.opt(0) is None:
        raise NeedsHost
    return c.x()


@handles("OptionalHasElement")
def _has_element(c: Call) -> Any:
    return c.b.constant(np.asarray(c.opt(0) is not None))


@handles("Dropout")
def _dropout(c: Call) -> Any:
    """At inference the identity; the mask is all true. With training_mode it is random, and the host's."""
    if c.opset < 7 and not c.get("is_test", 0):
        raise NeedsHost
    training = c.static(2) if len(c) > 2 else None
    if training is not None and bool(training.reshape(())):
        raise NeedsHost
    x = c.x()
    if not c.outputs(1):
        return x
    ones = c.constant(True, "bool") if c.opset >= 10 else c.constant(1, x)
    return x, c.b.broadcast_to(ones, shape=c.shape(x))


@handles("Relu")
def _relu(c: Call) -> Any:
    return c.b.relu(c.x())


@handles("LeakyRelu")
def _leaky_relu(c: Call) -> Any:
    return c.b.relu(c.x(), negative_slope=c.get("alpha", 0.01))


@handles("ThresholdedRelu")
def _thresholded_relu(c: Call) -> Any:
    return c.b.threshold(c.x(), threshold=c.get("alpha", 1.0), value=0.0)


@handles("PRelu")
def _prelu(c: Call) -> Any:
    x, slope = c.x(0), c.x(1)
    if c.opset < 7 and slope.rank == 1:
        slope = c.reshaped(slope, (-1, *[1] * (x.rank - 2))) if x.rank > 1 and slope.shape != (1,) else slope
    return c.b.prelu(x, slope)


@handles("HardSigmoid")
def _hard_sigmoid(c: Call) -> Any:
    return c.b.hard_sigmoid(c.x(), alpha=c.get("alpha", 0.2), beta=c.get("beta", 0.5))


@handles("Elu", "Celu")
def _elu(c: Call) -> Any:
    return c.b.apply(DIRECT[c.node.op], c.x(), alpha=c.get("alpha", 1.0))


@handles("Selu")
def _selu(c: Call) -> Any:
    alpha, gamma = c.get("alpha", 1.67326319217681884765625), c.get("gamma", 1.05070102214813232421875)
    return c.b.mul(c.b.elu(c.x(), alpha=alpha), gamma)


@handles("Gelu")
def _gelu(c: Call) -> Any:
    return c.b.gelu(c.x(), approximate=c.get("approximate", "none") == "tanh")


@handles("Swish")
def _swish(c: Call) -> Any:
    x, alpha = c.x(), c.get("alpha", 1.0)
    return c.b.mul(x, c.b.sigmoid(x if alpha == 1 else c.b.mul(x, alpha)))


@handles("Shrink")
def _shrink(c: Call) -> Any:
    """x + bias below -lambd, x - bias above lambd, else zero."""
    x, limit, bias = c.x(), c.get("lambd", 0.5), c.get("bias", 0.0)
    dtype = x.dtype if is_float(x.dtype) else "float32"
    wide = c.cast(x, dtype)
    low = c.b.where(c.b.less(wide, -limit), c.b.add(wide, bias), c.constant(0, dtype))
    return c.cast(c.b.where(c.b.greater(wide, limit), c.b.sub(wide, bias), low), x.dtype)


@handles("Clip")
def _clip(c: Call) -> Any:
    """Bounds are attributes until opset 6, inputs from 11; where the lower is above the upper, the upper wins."""
    result = c.x()
    low = c.opt(1) if c.opset >= 11 else _bound(c, "min")
    high = c.opt(2) if c.opset >= 11 else _bound(c, "max")
    result = result if low is None else c.b.maximum(result, low)
    return result if high is None else c.b.minimum(result, high)


def _bound(c: Call, name: str) -> Value | None:
    return c.constant(c.attrs[name], c.x()) if name in c.attrs else None


@handles("Cast")
def _cast(c: Call) -> Any:
    to = c.get("to")
    if isinstance(to, str):  # until opset 6
        to = getattr(TensorProto, to, None)
    if to is None:
        raise ArgumentError("Cast lacks its attribute 'to'")
    return _converted(c, c.x(), ir_dtype_of(int(to)))


@handles("CastLike")
def _cast_like(c: Call) -> Any:
    return _converted(c, c.x(0), c.x(1).dtype)


def _converted(c: Call, x: Value, dtype: str | None) -> Any:
    if dtype is None or "string" in (dtype, x.dtype):
        if dtype == x.dtype:
            return x
        raise NeedsHost
    if is_float(x.dtype) and dtype.startswith(("int", "uint")):
        return c.b.float_to_int(x, dtype=dtype)
    return c.cast(x, dtype)


@handles("IsInf")
def _is_inf(c: Call) -> Any:
    return c.b.is_inf(
        c.require_float(c.x()), positive=bool(c.get("detect_positive", 1)), negative=bool(c.get("detect_negative", 1))
    )


@handles("IsNaN")
def _is_nan(c: Call) -> Any:
    x = c.require_float(c.x())
    return c.b.not_equal(x, x)


@handles("BitShift")
def _bit_shift(c: Call) -> Any:
    return (c.b.shift_left if c.get("direction") == "LEFT" else c.b.shift_right)(c.x(0), c.x(1))


@handles("Reciprocal", "Sqrt", "Exp", "Log", "Floor", "Ceil", "Round", "Sign", "Neg", "Abs")
def _unary(c: Call) -> Any:
    return c.b.apply(DIRECT[c.node.op], c.x())


@handles("Constant")
def _constant(c: Call) -> Any:
    """The one attribute that is set gives elements and dtype."""
    forms = {
        "value": None,
        "sparse_value": None,
        "value_float": np.float32,
        "value_floats": np.float32,
        "value_int": np.int64,
        "value_ints": np.int64,
        "value_string": object,
        "value_strings": object,
    }
    given = [name for name in forms if name in c.attrs]
    if len(given) != 1:
        raise ArgumentError(f"Constant takes one value, received {given or 'none'}")
    array = np.asarray(c.attrs[given[0]], forms[given[0]])
    if array.dtype.kind != "O" and ir_dtype_of_array(array) is None:
        raise NeedsHost
    return c.b.constant(array)


def ir_dtype_of_array(array: np.ndarray) -> str | None:
    from ..tensors import element_type

    return ir_dtype_of(element_type(array))
