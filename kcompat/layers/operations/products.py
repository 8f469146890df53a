"""Products of vectors, matrices and tensors."""

from __future__ import annotations

from string import ascii_letters
from typing import Any

from ...config import Field, Kind, Str
from ...errors import ArgumentError, ShapeError
from ...ir import Value
from ...ir.types import normalize_axis, shape_text
from ..emitter import Emitter
from .operands import cast, meet_strong
from .operation import Operation, function_of, operation


def _operands(b: Emitter, *xs: Any) -> list[Value]:
    """The operands in one dtype; products of int8 are int32."""
    values = meet_strong(b, *xs)
    return [cast(b, x, "int32") for x in values] if values[0].dtype == "int8" else values


@function_of("numpy", "Matmul")
def matmul(b: Emitter, x1: Any, x2: Any) -> Value:
    """Products of the matrices in the last two axes; the other axes broadcast."""
    return b.matmul(*_operands(b, x1, x2))


@function_of("numpy", "Dot")
def dot(b: Emitter, x1: Any, x2: Any) -> Value:
    """Sums over the last axis of x1 and the one before the last of x2, or its only one."""
    x, y = meet_strong(b, x1, x2)
    if not x.rank or not y.rank:
        return b.mul(x, y)
    return contract(b, x, y, [x.rank - 1], [max(y.rank - 2, 0)])


@function_of("numpy", "Inner")
def inner(b: Emitter, x1: Any, x2: Any) -> Value:
    """Sums over the last axes of both."""
    x, y = meet_strong(b, x1, x2)
    return contract(b, x, y, [x.rank - 1], [y.rank - 1]) if x.rank and y.rank else b.mul(x, y)


@function_of("numpy", "Vdot")
def vdot(b: Emitter, x1: Any, x2: Any) -> Value:
    """The sum of the products of all elements."""
    x, y = (b.reshape(x, shape=(-1,)) for x in meet_strong(b, x1, x2))
    return contract(b, x, y, [0], [0])


@function_of("numpy", "Outer")
def outer(b: Emitter, x1: Any, x2: Any) -> Value:
    """The product of every element of x1 with every one of x2, both flattened."""
    x, y = meet_strong(b, x1, x2)
    return b.mul(b.reshape(x, shape=(-1, 1)), b.reshape(y, shape=(1, -1)))


def contract(b: Emitter, x: Value, y: Value, left: list[int], right: list[int]) -> Value:
    """The sum over pairs of axes; the other axes of x, then those of y, remain."""
    letters = iter(ascii_letters)
    names_x = [next(letters) for _ in range(x.rank)]
    names_y = [next(letters) for _ in range(y.rank)]
    for axis_x, axis_y in zip(left, right, strict=True):
        names_y[axis_y] = names_x[axis_x]
    summed = {names_x[axis] for axis in left}
    kept = [name for name in (*names_x, *names_y) if name not in summed]
    return b.einsum(x, y, equation=f"{''.join(names_x)},{''.join(names_y)}->{''.join(kept)}")


def _tensordot_axes(value: Any, owner: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    first, second = value
    pair = tuple((axes,) if isinstance(axes, int) else tuple(map(int, axes)) for axes in (first, second))
    if len(pair[0]) != len(pair[1]):
        raise ValueError
    return pair


@operation("numpy")
class Tensordot(Operation):
    """The sum over the last `axes` of x1 and the first of x2, or over pairs of listed axes.

    Source: keras.ops.tensordot.
    """

    axes = Field(Kind("a number of axes, or the axes of each tensor", _tensordot_axes), 2)

    def emit(self, b: Emitter, x1: Any, x2: Any) -> Value:
        x, y = meet_strong(b, x1, x2)
        if isinstance(self.axes, int):
            if not 0 <= self.axes <= min(x.rank, y.rank):
                raise ShapeError(f"{self}: {shape_text(x.shape)} and {shape_text(y.shape)} have no {self.axes} axes")
            pairs = [list(range(x.rank - self.axes, x.rank)), list(range(self.axes))]
        else:
            pairs = [[normalize_axis(axis, v.rank) for axis in axes] for v, axes in zip((x, y), self.axes, strict=True)]
        return contract(b, x, y, *pairs)


@operation("numpy")
class Einsum(Operation):
    """The sum of products that an equation states, which may have an ellipsis. Source: keras.ops.einsum."""

    subscripts = Field(Str)

    def emit(self, b: Emitter, *operands: Any) -> Value:
        values = _operands(b, *operands)
        return b.einsum(*values, equation=explicit_equation(self.subscripts, [x.rank for x in values]))


def explicit_equation(subscripts: str, ranks: list[int]) -> str:
    """The equation with its result, and letters for ellipses. Raises ArgumentError."""
    text = subscripts.replace(" ", "")
    terms, arrow, result = text.partition("->")
    if not terms or len(terms.split(",")) != len(ranks) or not set(text) <= {*ascii_letters, *",->."}:
        raise ArgumentError(f"einsum: {subscripts!r} is no equation of {len(ranks)} tensors")
    if not arrow:
        once = sorted(letter for letter in set(terms) - {",", "."} if terms.count(letter) == 1)
        result = ("..." if "." in terms else "") + "".join(once)
    spare = [letter for letter in ascii_letters if letter not in text]
    hidden = [rank - len(term.replace("...", "")) for term, rank in zip(terms.split(","), ranks, strict=True)]
    widest = max([count for count, term in zip(hidden, terms.split(","), strict=True) if "..." in term], default=0)
    if min(hidden) < 0 or widest > len(spare):
        raise ArgumentError(f"einsum: {subscripts!r} does not fit tensors of ranks {ranks}")
    filled = [
        term.replace("...", "".join(spare[widest - count : widest]))
        for term, count in zip(terms.split(","), hidden, strict=True)
    ]
    equation = f"{','.join(filled)}->{result.replace('...', ''.join(spare[:widest]))}"
    if "." in equation or not set(equation.partition("->")[2]) <= set(equation.partition("->")[0]):
        raise ArgumentError(f"einsum: {subscripts!r} is no equation of {len(ranks)} tensors")
    return equation
