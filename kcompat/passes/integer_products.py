"""Products of steps as integer products, with what follows them in their store."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Constant, Dequantized, Graph, Node, Transposed, Value
from ..operators.quantized import BYTES, quantize
from .fuse_epilogues import is_bias, limits_of
from .rewrite import Rewrite, rewrite

_FUSED = {"integer_conv": "fused_integer_conv", "conv": "fused_integer_conv"}
_OPERANDS = ("x", "w", "x_zero", "w_zero", "bias", "factor", "offset", "y_zero")
MOVES = ("reshape", "transpose", "slice", "squeeze", "expand_dims", "max_pool", "concat", "pad")
"""Operators whose results are among the elements that they are given, and commute with what never decreases."""

SAME_SCALE = 1e-6


def integer_products(graph: Graph) -> Graph:
    """Given convolutions and products, by constants, of bytes, or of what dequantize makes of them; biases, factors,
    clamps and quantize or requantize behind them; and quantize of what dequantize made of the same steps. Result:
    fused_integer_conv and fused_integer_dense; the steps."""
    if not any(node.op.name in ("dequantize", "integer_conv", "integer_matmul") for node in graph.nodes):
        return graph
    return rewrite(graph, _rule)


def _rule(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    rule = _RULES.get(node.op.name)
    return None if rule is None else rule(work, node, operands)


# --- steps -------------------------------------------------------------------------


def _number(value: Value | None) -> np.ndarray | None:
    """A constant that is one number, without axes."""
    return value.data.reshape(()) if isinstance(value, Constant) and value.data.size == 1 else None


def _steps(work: Rewrite, value: Value | None) -> tuple[Value, np.ndarray, np.ndarray] | None:
    """The bytes that a tensor stands for, their scale and zero."""
    source = work.producer(value, "dequantize")
    if source is None:
        return None
    x, scale, zero = source.inputs[0], _number(source.inputs[1]), _number(source.inputs[2])
    return None if x is None or scale is None or zero is None or x.dtype not in BYTES else (x, scale, zero)


def _levels(value: Value | None) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """The bytes that a constant stands for; their scales and zeros, which are numbers or one for each column."""
    if isinstance(value, Transposed):
        return _of_columns(value.source, value.order)
    return _of_columns(value, None)


def _of_columns(value: Value | None, order: tuple[int, ...] | None) -> Any:
    if not isinstance(value, Dequantized) or value.levels.dtype not in (*BYTES, "int32"):
        return None
    parts = [value.levels.data]
    for data in (value.scale.data, value.zero.data):
        wide = data.reshape((1,) * (value.rank - data.ndim) + data.shape)
        parts.append(wide if order is None else wide.transpose(order))
    if order is not None:
        parts[0] = np.ascontiguousarray(parts[0].transpose(order))
    levels, *others = parts
    if any(size != 1 for part in others for size in part.shape[:-1]):
        return None
    return levels, *(part.reshape(()) if part.size == 1 else part.reshape(-1) for part in others)


# --- products ----------------------------------------------------------------------


def _of_floats(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    """conv, dense or matmul of what stands for steps."""
    attrs = dict(node.attrs)
    steps, levels = _steps(work, operands[0]), _levels(operands[1])
    if steps is None or levels is None or levels[0].dtype == np.int32 or not _is_plain(node, attrs, levels[0]):
        return None
    (x, x_scale, x_zero), (w, w_scale, w_zero) = steps, levels
    factor = np.asarray(x_scale * w_scale, np.float32)
    made: dict[str, Any] = {"x": x, "w": w, "x_zero": x_zero, "w_zero": w_zero, "factor": factor}
    bias = operands[2] if len(operands) > 2 else None
    if bias is not None:
        made.update(_bias(bias, factor))
        if "bias" not in made and "offset" not in made:
            return None
    return _apply(work, _FUSED.get(node.op.name, "fused_integer_dense"), made, attrs)


def _is_plain(node: Node, attrs: dict[str, Any], w: np.ndarray) -> bool:
    """Whether a product is one that kernels have; takes what they do not know from its attributes."""
    if node.op.name in ("conv", "integer_conv"):
        return bool(attrs.pop("layout") == "channels_last")
    return w.ndim == 2 and not attrs.pop("transpose_a", False) and not attrs.pop("transpose_b", False)


def _bias(bias: Value, factor: np.ndarray) -> dict[str, np.ndarray]:
    """A constant bias: as sums of steps if it is of their scale, which writers round in ways of their own; else as an
    offset."""
    levels = _levels(bias)
    if levels is not None and levels[0].dtype == np.int32 and not levels[2].any() and _is_near(levels[1], factor):
        return {"bias": levels[0]}
    return {"offset": bias.data} if isinstance(bias, Constant) else {}


def _is_near(scale: np.ndarray, other: np.ndarray) -> bool:
    return np.allclose(scale, other, rtol=SAME_SCALE, atol=0)


def _of_integers(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    x, w, x_zero, w_zero = operands
    attrs = dict(node.attrs)
    if x is None or not isinstance(w, Constant) or not _is_plain(node, attrs, w.data):
        return None
    if any(zero is not None and not isinstance(zero, Constant) for zero in (w_zero,)):
        return None
    if x_zero is not None and any(size != 1 for size in x_zero.shape):
        return None
    made = {"x": x, "w": w, "x_zero": x_zero, "w_zero": w_zero}
    return _apply(work, _FUSED.get(node.op.name, "fused_integer_dense"), made, attrs)


def _apply(work: Rewrite, name: str, operands: dict[str, Any], attrs: dict[str, Any]) -> Value:
    result: Value = getattr(work.b, name)(*(operands.get(operand) for operand in _OPERANDS), **attrs)
    return result


# --- what follows ------------------------------------------------------------------


class _Product:
    """A fused product that only the node at hand reads."""

    def __init__(self, node: Node) -> None:
        self.node, self.y = node, node.outputs[0]
        self.operands = dict(zip(_OPERANDS, node.inputs, strict=True))

    def __getitem__(self, name: str) -> Value | None:
        return self.operands[name]

    def data(self, name: str) -> np.ndarray | None:
        value = self.operands[name]
        return value.data if isinstance(value, Constant) else None

    @property
    def is_clamped(self) -> bool:
        return bool(self.node.attrs["low"] > -math.inf or self.node.attrs["high"] < math.inf)

    def given(self, work: Rewrite, operands: dict[str, Any], **attrs: Any) -> Value:
        """The product with other operands and attributes."""
        return _apply(work, self.node.op.name, {**self.operands, **operands}, {**self.node.attrs, **attrs})


def _product(work: Rewrite, value: Value | None, *dtypes: str) -> _Product | None:
    source = work.producer(value, "fused_integer_conv", "fused_integer_dense")
    if source is None or value is None or value.dtype not in dtypes or not work.single_use(value):
        return None
    return _Product(source)


def _added(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    first, second = operands
    return _with_bias(work, first, second) or _with_bias(work, second, first)


def _with_bias(work: Rewrite, value: Value | None, other: Value | None) -> Value | None:
    product = _product(work, value, "int32", "float32")
    if product is None or product.is_clamped or not isinstance(other, Constant) or not is_bias(other, product.y):
        return None
    name = "bias" if product.y.dtype == "int32" else "offset"
    if product[name] is not None:
        return None
    return product.given(work, {name: other.data.reshape(() if other.data.size == 1 else -1)})


def _as_float(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    product = _product(work, operands[0], "int32")
    if product is None or node.attrs["dtype"] != "float32":
        return None
    return product.given(work, {"factor": np.ones((), np.float32)})


def _scaled(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    first, second = operands
    return _with_factor(work, first, second) or _with_factor(work, second, first)


def _with_factor(work: Rewrite, value: Value | None, factor: Value | None) -> Value | None:
    product = _product(work, value, "float32")
    if product is None or product.is_clamped or product["offset"] is not None or _number(product["factor"]) != 1:
        return None
    vector = None if factor is None else _vector(work, factor, product.y)
    return None if vector is None else product.given(work, {"factor": vector})


def _vector(work: Rewrite, value: Value, y: Value) -> Value | None:
    """One number, or one for each column of y, as a vector."""
    sizes = value.shape
    if value.rank > y.rank or any(size != 1 for size in sizes[:-1]) or sizes[-1:] not in ((), (1,), y.shape[-1:]):
        return None
    if value.rank <= 1:
        return value
    if isinstance(value, Constant):
        return Constant(value.data.reshape(sizes[-1:]), value.name)
    return work.b.reshape(value, shape=sizes[-1:])


def _dequantized(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    product, zero = _product(work, operands[0], "int32"), _number(operands[2])
    factor = None if product is None or operands[1] is None else _vector(work, operands[1], product.y)
    if product is None or factor is None or zero is None or zero != 0:
        return None
    return product.given(work, {"factor": factor})


def _requantized(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    product, zero = _product(work, operands[0], "int32"), _number(operands[2])
    factor = None if product is None or operands[1] is None else _vector(work, operands[1], product.y)
    if product is None or factor is None or zero is None or zero.dtype.name not in BYTES:
        return None
    return product.given(work, {"factor": factor, "y_zero": zero})


def _clamped(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    product, limits = _product(work, operands[0], "float32"), limits_of(node)
    if product is None or limits is None or product.is_clamped:
        return None
    return product.given(work, {}, low=limits[0], high=limits[1])


def _quantized(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    scale, zero = _number(operands[1]), _number(operands[2])
    if scale is None or zero is None or zero.dtype.name not in BYTES:
        return None
    return _in_steps(work, operands[0], scale, zero) or _moved(work, operands[0], scale, zero)


def _in_steps(work: Rewrite, value: Value | None, scale: np.ndarray, zero: np.ndarray) -> Value | None:
    """A product's result in steps: rounding commutes with clamps at whole steps."""
    product = _product(work, value, "float32")
    factor = None if product is None else product.data("factor")
    if product is None or factor is None or (product["offset"] is not None and product.data("offset") is None):
        return None
    offset, limits = product.data("offset"), (product.node.attrs["low"], product.node.attrs["high"])
    low, high = (float(np.rint(np.float32(limit) / scale)) for limit in limits)
    operands = {"factor": np.asarray(factor / scale), "y_zero": zero}
    return product.given(
        work, {**operands, "offset": None if offset is None else np.asarray(offset / scale)}, low=low, high=high
    )


def _moved(work: Rewrite, value: Value | None, scale: np.ndarray, zero: np.ndarray) -> Value | None:
    """Steps that were moved as the numbers that they stand for."""
    steps = _same_steps(work, value, scale, zero)
    if steps is not None:
        return steps
    node = work.producer(value, *MOVES)
    if node is None or value is None or not work.single_use(value):
        return None
    operands = [_moved(work, operand, scale, zero) for operand in node.inputs]
    if node.op.name == "concat":
        operands = [
            moved or _in_other_steps(work, x, scale, zero) for x, moved in zip(node.inputs, operands, strict=True)
        ]
    if any(operand is None for operand in operands):
        return None
    attrs = dict(node.attrs)
    if node.op.name == "pad":
        attrs["value"] = float(quantize.meaning(np.float32(attrs["value"]), scale, zero))
    result: Value = work.b.apply(node.op, *operands, **attrs)
    return result


def _in_other_steps(work: Rewrite, value: Value | None, scale: np.ndarray, zero: np.ndarray) -> Value | None:
    """Steps of one scale as those of another."""
    return None if _steps(work, value) is None else work.b.quantize(value, scale, zero)


def _same_steps(work: Rewrite, value: Value | None, scale: np.ndarray, zero: np.ndarray) -> Value | None:
    steps = _steps(work, value)
    if steps is None or steps[1] != scale or steps[2] != zero or steps[0].dtype != zero.dtype.name:
        return None
    return steps[0]


_RULES: dict[str, Callable[[Rewrite, Node, list[Value | None]], Value | None]] = {
    **dict.fromkeys(("conv", "dense", "matmul"), _of_floats),
    **dict.fromkeys(("integer_conv", "integer_matmul"), _of_integers),
    **dict.fromkeys(("relu", "clip"), _clamped),
    "add": _added,
    "cast": _as_float,
    "mul": _scaled,
    "dequantize": _dequantized,
    "requantize": _requantized,
    "quantize": _quantized,
}
