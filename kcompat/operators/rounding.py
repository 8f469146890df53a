"""Rounding, and division with whole quotients."""

from __future__ import annotations

import numpy as np

from ..ir.operator import elementwise
from .floating import function
from .gradients import binary, constant

floor = function("floor", np.floor, gradient=constant, onnx="Floor")
ceil = function("ceil", np.ceil, gradient=constant, onnx="Ceil")

sign = elementwise("sign", np.sign, gradient=constant, onnx="Sign")

floor_div = elementwise("floor_div", np.floor_divide, operands="x y", gradient=constant)
"""The quotient rounded down; integers divided by zero give zero."""

mod = elementwise(
    "mod",
    np.mod,
    operands="x y",
    gradient=binary(lambda b, dy, x, y: (dy, b.neg(b.mul(dy, b.floor_div(x, y))))),
)
"""What floor_div leaves, with the sign of y."""
