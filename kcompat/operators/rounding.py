"""Rounding, and division with whole quotients."""

from __future__ import annotations

import numpy as np

from ..ir.operator import elementwise
from .floating import function

floor = function("floor", np.floor, onnx="Floor")
ceil = function("ceil", np.ceil, onnx="Ceil")

sign = elementwise("sign", np.sign, onnx="Sign")

floor_div = elementwise("floor_div", np.floor_divide, operands="x y")
"""The quotient rounded down; integers divided by zero give zero."""

mod = elementwise("mod", np.mod, operands="x y")
"""What floor_div leaves, with the sign of y."""
