"""Operators on the bits of integers."""

from __future__ import annotations

import numpy as np

from ..ir.operator import elementwise, not_differentiable


def _left(x: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Zero for a shift by as many bits as there are, which processors leave undefined."""
    bits = x.dtype.itemsize * 8
    return np.where(count < bits, np.left_shift(x, np.minimum(count, bits - 1)), 0).astype(x.dtype)


def _right(x: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Likewise; a negative number is filled up with its sign."""
    bits = x.dtype.itemsize * 8
    shifted = np.right_shift(x, np.minimum(count, bits - 1))
    return np.where((count < bits) | (x < 0), shifted, 0).astype(x.dtype)


bitwise_and = elementwise("bitwise_and", np.bitwise_and, operands="x y", gradient=not_differentiable, onnx="BitwiseAnd")
bitwise_or = elementwise("bitwise_or", np.bitwise_or, operands="x y", gradient=not_differentiable, onnx="BitwiseOr")
bitwise_xor = elementwise("bitwise_xor", np.bitwise_xor, operands="x y", gradient=not_differentiable, onnx="BitwiseXor")
bitwise_not = elementwise("bitwise_not", np.bitwise_not, gradient=not_differentiable, onnx="BitwiseNot")
shift_left = elementwise("shift_left", _left, operands="x y", gradient=not_differentiable)
shift_right = elementwise("shift_right", _right, operands="x y", gradient=not_differentiable)
