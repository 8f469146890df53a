"""Functions of each element, and of pairs of them."""

from __future__ import annotations

from typing import Any

from kcompat.errors import ArgumentError
from kcompat.layers import KerasTensor
from kcompat.layers.operations.operation import standard_dtype

from .symbols import Function, Maker, Size, alike, dtype_of, first, symbol

_UNARY = {
    "math.abs abs": "Absolute",
    "math.acos acos": "Arccos",
    "math.acosh acosh": "Arccosh",
    "math.asin asin": "Arcsin",
    "math.asinh asinh": "Arcsinh",
    "math.atan atan": "Arctan",
    "math.atanh atanh": "Arctanh",
    "math.ceil ceil": "Ceil",
    "math.cos cos": "Cos",
    "math.cosh cosh": "Cosh",
    "math.erf": "Erf",
    "math.exp exp": "Exp",
    "math.expm1": "Expm1",
    "math.floor floor": "Floor",
    "math.is_finite": "Isfinite",
    "math.is_inf": "Isinf",
    "math.is_nan": "Isnan",
    "math.log log": "Log",
    "math.log1p": "Log1p",
    "math.log_sigmoid": "LogSigmoid",
    "math.logical_not logical_not": "LogicalNot",
    "math.negative negative": "Negative",
    "math.reciprocal": "Reciprocal",
    "math.rint": "Round",
    "math.round round": "Round",
    "math.rsqrt": "Rsqrt",
    "math.sigmoid nn.sigmoid sigmoid": "Sigmoid",
    "math.sign sign": "Sign",
    "math.sin sin": "Sin",
    "math.sinh sinh": "Sinh",
    "math.softplus nn.softplus": "Softplus",
    "math.softsign nn.softsign": "Softsign",
    "math.sqrt sqrt": "Sqrt",
    "math.square square": "Square",
    "math.tan tan": "Tan",
    "math.tanh nn.tanh tanh": "Tanh",
    "nn.relu": "Relu",
    "nn.relu6": "Relu6",
    "nn.selu": "Selu",
    "nn.elu": "Elu",
    "identity": "Copy",
    "stop_gradient": "StopGradient",
}
_BINARY = {
    "__operators__.add math.add add": "Add",
    "math.subtract subtract": "Subtract",
    "math.multiply multiply": "Multiply",
    "math.divide_no_nan": "DivideNoNan",
    "math.floordiv floor_div floordiv": "FloorDivide",
    "math.floormod math.mod": "Mod",
    "math.pow pow": "Power",
    "math.maximum maximum": "Maximum",
    "math.minimum minimum": "Minimum",
    "math.equal equal": "Equal",
    "math.not_equal not_equal": "NotEqual",
    "math.less less": "Less",
    "math.less_equal less_equal": "LessEqual",
    "math.greater greater": "Greater",
    "math.greater_equal greater_equal": "GreaterEqual",
    "math.logical_and logical_and": "LogicalAnd",
    "math.logical_or logical_or": "LogicalOr",
    "math.logical_xor": "LogicalXor",
}


def _unary(class_name: str) -> Function:
    return lambda op, x: op(class_name, x)


def _binary(class_name: str) -> Function:
    return lambda op, x, y: op(class_name, *alike(x, y))


for _names, _class in _UNARY.items():
    symbol(*_names.split())(_unary(_class))
for _names, _class in _BINARY.items():
    symbol(*_names.split())(_binary(_class))


@symbol("__operators__.eq")
def _eq(op: Maker, self: Any, other: Any) -> Any:
    return op("Equal", *alike(self, other))


@symbol("__operators__.ne")
def _ne(op: Maker, self: Any, other: Any) -> Any:
    return op("NotEqual", *alike(self, other))


@symbol("math.truediv", "math.divide", "divide", "__operators__.truediv")
def _truediv(op: Maker, x: Any, y: Any) -> Any:
    """Wider integers are divided in float64."""
    x, y = alike(x, y)
    tensor = x if isinstance(x, KerasTensor) else y
    wide = dtype_of(tensor) in ("int32", "int64", "uint32", "uint64")
    if wide:
        x, y = (op("Cast", v, dtype="float64") if isinstance(v, KerasTensor) else v for v in (x, y))
    return op("TrueDivide", x, y)


@symbol("math.atan2", "atan2")
def _atan2(op: Maker, y: Any, x: Any) -> Any:
    return op("Arctan2", *alike(y, x))


@symbol("math.squared_difference")
def _squared_difference(op: Maker, x: Any, y: Any) -> Any:
    return op("Square", op("Subtract", *alike(x, y)))


@symbol("math.add_n", "add_n")
def _add_n(op: Maker, inputs: Any) -> Any:
    total, *rest = inputs if isinstance(inputs, (list, tuple)) else [inputs]
    for x in rest:
        total = op("Add", total, x)
    return total if rest else op("Copy", total)


@symbol("clip_by_value")
def _clip(op: Maker, t: Any, clip_value_min: Any, clip_value_max: Any) -> Any:
    if isinstance(clip_value_min, KerasTensor) or isinstance(clip_value_max, KerasTensor):
        return op("Minimum", op("Maximum", t, clip_value_min), clip_value_max)
    return op("Clip", t, x_min=clip_value_min, x_max=clip_value_max)


@symbol("cast")
def _cast(op: Maker, x: Any, dtype: Any) -> Any:
    return x if isinstance(x, Size) else op("Cast", x, dtype=standard_dtype(dtype))


@symbol("where")
def _where(op: Maker, condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None or y is None:
        raise ArgumentError("where(condition) alone has an output of unknown size, which is not supported")
    return op("Where", condition, *alike(x, y))


@symbol("nn.leaky_relu")
def _leaky_relu(op: Maker, features: Any, alpha: float = 0.2) -> Any:
    return op("LeakyRelu", features, negative_slope=alpha)


@symbol("nn.gelu")
def _gelu(op: Maker, features: Any, approximate: bool = False) -> Any:
    return op("Gelu", features, approximate=approximate)


@symbol("nn.silu", "nn.swish")
def _silu(op: Maker, features: Any, beta: float = 1.0) -> Any:
    if beta == 1.0:
        return op("Silu", features)
    return op("Multiply", features, op("Sigmoid", op("Multiply", features, beta)))


@symbol("nn.softmax", "math.softmax")
def _softmax(op: Maker, logits: Any, axis: int | None = None, dim: int | None = None) -> Any:
    return op("Softmax", logits, axis=first(axis, dim, -1))


@symbol("nn.log_softmax", "math.log_softmax")
def _log_softmax(op: Maker, logits: Any, axis: int | None = None, dim: int | None = None) -> Any:
    return op("LogSoftmax", logits, axis=first(axis, dim, -1))
