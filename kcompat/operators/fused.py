"""Operators that passes make of several others, after differentiation, for kernels that compute them together."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError, ShapeError
from ..ir.operator import OPERATORS, Attribute, Float, Int, Ints, Pads, not_differentiable, operator
from ..ir.types import TensorType, broadcast, fits
from .conv import conv
from .linear import dense

Instruction = tuple[str, tuple[int, ...], tuple[tuple[str, Any], ...]]
"""An operator, which of the operands and earlier results it reads, its attributes."""

Program = tuple[Instruction, ...]


def _residual_type(product: Any, residual: TensorType | None) -> Any:
    if residual is not None and (residual.dtype != product.dtype or not fits(residual.shape, product.shape)):
        raise ShapeError(f"a residual of {residual} is added to {product}")
    return product


def _finish(y: np.ndarray, residual: np.ndarray | None, low: float, high: float) -> np.ndarray:
    y = y if residual is None else y + residual
    return np.clip(y, np.asarray(low, y.dtype), np.asarray(high, y.dtype))


_CLAMP = {"low": Float(-np.inf), "high": Float(np.inf)}

fused_dense = operator(
    "fused_dense",
    "x w bias? residual?",
    attrs=_CLAMP,
    infer=lambda x, w, bias, residual, *, low, high: _residual_type(dense.infer(x, w, bias), residual),
    meaning=lambda x, w, bias, residual, *, low, high: _finish(dense.meaning(x, w, bias), residual, low, high),
    gradient=not_differentiable,
)
"""clip(dense(x, w, bias) + residual, low, high)."""

fused_conv = operator(
    "fused_conv",
    "x w bias? residual?",
    attrs={"strides": Ints, "pads": Pads("valid"), "dilations": Ints, "groups": Int(1), **_CLAMP},
    infer=lambda x, w, bias, residual, *, low, high, **attrs: _residual_type(
        conv.infer(x, w, bias, layout="channels_last", **attrs), residual
    ),
    meaning=lambda x, w, bias, residual, *, low, high, **attrs: _finish(
        conv.meaning(x, w, bias, layout="channels_last", **attrs), residual, low, high
    ),
    gradient=not_differentiable,
)
"""clip(conv(x, w, bias) + residual, low, high), channels last."""


def _check_program(value: Any) -> Program:
    program = tuple(
        (name, tuple(reads), tuple(OPERATORS[name].check_attributes(dict(attrs)).items()))
        for name, reads, attrs in value
    )
    if not program:
        raise ValueError
    return program


def _chain_type(*types: TensorType, program: Program, results: tuple[int, ...]) -> Any:
    values = list(types)
    for name, reads, attrs in program:
        if max(reads) >= len(values):
            raise ArgumentError(f"chain: {name} reads value {max(reads)} of {len(values)}")
        result = OPERATORS[name].infer(*(values[i] for i in reads), **dict(attrs))
        assert isinstance(result, TensorType)
        values.append(result)
    if results:
        return tuple(values[len(types) + number] for number in results)
    return values[-1].with_shape(broadcast(*(t.shape for t in types), values[-1].shape))


def _chain(*arrays: np.ndarray, program: Program, results: tuple[int, ...]) -> Any:
    values = list(arrays)
    for name, reads, attrs in program:
        values.append(OPERATORS[name].meaning(*(values[i] for i in reads), **dict(attrs)))
    return tuple(values[len(arrays) + number] for number in results) if results else values[-1]


chain = operator(
    "chain",
    "x*",
    attrs={"program": Attribute("instructions", _check_program), "results": Ints(())},
    infer=_chain_type,
    meaning=_chain,
    gradient=not_differentiable,
)
"""Pointwise operators one after another; an instruction reads operands and earlier results by number.

results: which instructions' results are outputs, of one shape; the last one's if none is named.
"""
