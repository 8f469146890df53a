"""Operators of onnxruntime's own domain, com.microsoft, that its quantizer writes.

Source: onnxruntime's docs/ContribOperators.md. Each is an operator of ONNX on what its operands stand for, in steps of
another scale.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kcompat.ir import Value

from ..call import DIRECT, HANDLERS, Call, NeedsHost, handles
from .quantized import along, dequantized, integer_matmul, quantized, zero_of

DOMAIN = "com.microsoft"


def _operand(c: Call, first: int) -> Value:
    """What an operand, followed by its scale and zero point, stands for."""
    return dequantized(c, c.x(first), c.x(first + 1), c.opt(first + 2))


def _result(c: Call, y: Value, first: int, like: Value) -> Value:
    """A result in steps of a scale, followed by its zero point."""
    return quantized(c, y, c.x(first), zero_of(c, c.opt(first + 1), like.dtype))


def _emitted(c: Call, op: str, *inputs: Value) -> Any:
    """An operator of ONNX with this node's attributes but for those that are onnxruntime's own."""
    if c.get("channels_last", 0):
        raise NeedsHost
    attrs = {name: value for name, value in c.attrs.items() if name not in ("channels_last", "opset")}
    version = int(c.get("opset", c.node.opsets.get("", 1)))
    node = replace(c.node, op=op, domain="", version=version, attrs=attrs)
    handler = HANDLERS.get(("", op))
    return c.b.apply(DIRECT[op], *inputs) if handler is None else handler(Call(c.b, node, inputs, c.observed))


def _of_one(name: str, op: str) -> None:
    @handles(name, domain=DOMAIN)
    def emit(c: Call) -> Any:
        return _result(c, _emitted(c, op, _operand(c, 0)), 3, c.x(0))


def _of_two(name: str, combine: Callable[[Call, Value, Value], Value]) -> None:
    @handles(name, domain=DOMAIN)
    def emit(c: Call) -> Any:
        return _result(c, combine(c, _operand(c, 0), _operand(c, 3)), 6, c.x(0))


_of_one("QLinearAveragePool", "AveragePool")
_of_one("QLinearGlobalAveragePool", "GlobalAveragePool")
_of_one("QLinearSigmoid", "Sigmoid")
_of_one("QLinearLeakyRelu", "LeakyRelu")
_of_one("QLinearSoftmax", "Softmax")
_of_two("QLinearAdd", lambda c, x, y: c.b.add(x, y))
_of_two("QLinearMul", lambda c, x, y: c.b.mul(x, y))


@handles("QLinearConcat", domain=DOMAIN)
def _concat(c: Call) -> Any:
    parts = [_operand(c, first) for first in range(2, len(c), 3)]
    return _result(c, _emitted(c, "Concat", *parts), 0, c.x(2))


@handles("QuantizeLinear", domain=DOMAIN)
def _quantize(c: Call) -> Any:
    return quantized(c, c.x(0), c.x(1), zero_of(c, c.opt(2), "uint8"), int(c.get("axis", 1)))


@handles("DequantizeLinear", domain=DOMAIN)
def _dequantize(c: Call) -> Any:
    return dequantized(c, c.x(0), c.x(1), c.opt(2), int(c.get("axis", 1)))


@handles("QGemm", domain=DOMAIN)
def _gemm(c: Call) -> Any:
    """alpha A' B' + C, where C is sums of products; as floats, if no scale of the result is given."""
    a, b, bias, scale = c.x(0), c.x(3), c.opt(6), c.opt(7)
    a = c.transposed(a, (1, 0)) if c.get("transA", 0) else a
    b = c.transposed(b, (1, 0)) if c.get("transB", 0) else b
    sums = integer_matmul(c, a, b, c.opt(2), c.opt(5))
    sums = sums if bias is None else c.b.add(sums, bias)
    factor = c.b.mul(along(c, c.x(1), 2, 0), along(c, c.x(4), 2, 1))
    factor = c.b.mul(factor, float(c.get("alpha", 1.0)))
    if scale is None:
        return c.b.dequantize(sums, factor, zero_of(c, None, "int32"))
    zero = along(c, zero_of(c, c.opt(8), a.dtype), 2, 1)
    return c.b.requantize(sums, c.b.div(factor, along(c, scale, 2, 1)), zero)


@handles("MatMulIntegerToFloat", domain=DOMAIN)
def _to_float(c: Call) -> Any:
    sums = integer_matmul(c, c.x(0), c.x(1), c.opt(4), c.opt(5))
    return _as_float(c, sums, c.x(2), c.x(3), c.opt(6))


@handles("DynamicQuantizeMatMul", domain=DOMAIN)
def _dynamic(c: Call) -> Any:
    steps, scale, zero = c.b.dynamic_quantize(c.x(0))
    return _as_float(c, integer_matmul(c, steps, c.x(1), zero, c.opt(3)), scale, c.x(2), c.opt(4))


def _as_float(c: Call, sums: Value, a_scale: Value, b_scale: Value, bias: Value | None) -> Value:
    factor = c.b.mul(along(c, a_scale, sums.rank, -2), along(c, b_scale, sums.rank, -1))
    y = c.b.mul(c.cast(sums, "float32"), factor)
    return y if bias is None else c.b.add(y, bias)
