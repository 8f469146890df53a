"""Python's arithmetic and comparisons on variables, which give NumPy's arrays."""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import numpy as np

TRACE: ContextVar[Any] = ContextVar("TRACE", default=None)
"""The trace of a function that is called with symbols: `variable(v)` is v's symbol, `assign(v, x)` gives it another."""


def traced(operand: Any) -> Any:
    """A variable's symbol while a function is traced; anything else as it is."""
    trace = TRACE.get()
    return operand if trace is None or not isinstance(operand, VariableOperators) else trace.variable(operand)


def _taken(operand: Any) -> Any:
    """What an operator computes with; None for what it does not take, such as symbolic tensors."""
    if isinstance(operand, VariableOperators):
        return operand.value
    return operand if isinstance(operand, (np.ndarray, np.generic, bool, int, float)) else None


def _current(variable: Any) -> Any:
    """A variable's symbol while a function is traced, else its value."""
    symbol = traced(variable)
    return variable.value if symbol is variable else symbol


def _binary(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        symbol = traced(self)
        if symbol is not self:
            return function(symbol, traced(other))
        taken = _taken(other)
        return NotImplemented if taken is None else function(self.value, taken)

    return method


def _reflected(function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return _binary(lambda x, y: function(y, x))


class VariableOperators:
    """Operators on the value, as keras.Variable has them. `==` compares identity: variables are keys."""

    __array_priority__ = 100  # lets a variable's operators come before those of NumPy's arrays
    value: Any

    __add__, __radd__ = _binary(operator.add), _reflected(operator.add)
    __sub__, __rsub__ = _binary(operator.sub), _reflected(operator.sub)
    __mul__, __rmul__ = _binary(operator.mul), _reflected(operator.mul)
    __truediv__, __rtruediv__ = _binary(operator.truediv), _reflected(operator.truediv)
    __floordiv__, __mod__ = _binary(operator.floordiv), _binary(operator.mod)
    __pow__, __rpow__ = _binary(operator.pow), _reflected(operator.pow)
    __matmul__, __rmatmul__ = _binary(operator.matmul), _reflected(operator.matmul)
    __lt__, __le__ = _binary(operator.lt), _binary(operator.le)
    __gt__, __ge__ = _binary(operator.gt), _binary(operator.ge)

    def __neg__(self) -> Any:
        return -_current(self)

    def __abs__(self) -> Any:
        return abs(_current(self))

    def __getitem__(self, key: Any) -> Any:
        return _current(self)[key]

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)
