"""What files say in several operators as the one operator that it is."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ..ir import Constant, Graph, Node, Value
from ..ir.types import normalize_axes
from .rewrite import Rewrite, rewrite

Polynomial = dict[int, float]
"""Coefficients by exponent."""

_DEGREE = 3
_TOLERANCE = 1e-5
_ERF = {1: math.sqrt(0.5)}
_TANH = {1: math.sqrt(2 / math.pi), 3: math.sqrt(2 / math.pi) * 0.044715}


def fuse_idioms(graph: Graph) -> Graph:
    """Given powers by small integers, gelu by erf or tanh, and normalisation by own statistics with its weights, in
    steps. Result: products; gelu; layer_norm and rms_norm."""
    return rewrite(graph, _fused)


def _fused(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    first, second = (*operands, None, None)[:2]
    if first is None or second is None or first.dtype != "float32":
        return None
    results = (rule(work, first, second) for rule in _RULES.get(node.op.name, ()))
    return next((result for result in results if result is not None), None)


def _power(work: Rewrite, x: Value, exponent: Value) -> Value | None:
    number = _number(exponent)
    if number not in (2, 3) or exponent.rank > x.rank:
        return None
    square = work.b.square(x)
    return square if number == 2 else work.b.mul(x, square)


def _gelu(work: Rewrite, one: Value, other: Value) -> Value | None:
    """0.5 * x * (1 + erf(x / sqrt 2)), or by tanh, in any order of the factors."""
    factors = [*_factors(work, one), *_factors(work, other)]
    numbers = [number for number in map(_number, factors) if number is not None]
    others = [factor for factor in factors if _number(factor) is None]
    if len(others) != 2 or not math.isclose(math.prod(numbers), 0.5, rel_tol=_TOLERANCE):
        return None
    for x, gate in (others, others[::-1]):
        inner = work.producer(_one_plus(work, gate), "erf", "tanh")
        if inner is None or len(x.shape) != len(gate.shape):
            continue
        is_tanh = inner.op.name == "tanh"
        if _is_near(_polynomial(work, inner.inputs[0], x), _TANH if is_tanh else _ERF):
            return work.b.gelu(x, approximate=is_tanh)
    return None


def _factors(work: Rewrite, value: Value) -> list[Value]:
    """What is multiplied, through a product that nothing else reads."""
    product = work.producer(value, "mul")
    if product is None or not work.single_use(value):
        return [value]
    return [operand for operand in product.inputs if operand is not None]


def _one_plus(work: Rewrite, value: Value) -> Value | None:
    return next((x for x, number in _with_number(work.producer(value, "add")) if number == 1), None)


def _polynomial(work: Rewrite, value: Value | None, x: Value, depth: int = 8) -> Polynomial | None:
    """A value as a polynomial of x of a small degree; None if it is none."""
    if value is x:
        return {1: 1.0}
    number = _number(value)
    if number is not None:
        return {0: number}
    node = work.producer(value, "add", "mul", "div", "square")
    if node is None or not depth:
        return None
    operands = [_polynomial(work, operand, x, depth - 1) for operand in node.inputs]
    if node.op.name == "square":
        operands *= 2
    first, second = operands
    if first is None or second is None:
        return None
    if node.op.name == "add":
        return {n: first.get(n, 0.0) + second.get(n, 0.0) for n in first.keys() | second.keys()}
    if node.op.name == "div":
        return {n: c / second[0] for n, c in first.items()} if second.keys() == {0} and second[0] else None
    return _product(first, second)


def _product(first: Polynomial, second: Polynomial) -> Polynomial | None:
    result: Polynomial = {}
    for n, c in first.items():
        for m, d in second.items():
            result[n + m] = result.get(n + m, 0.0) + c * d
    return result if max(result) <= _DEGREE else None


def _is_near(polynomial: Polynomial | None, wanted: Polynomial) -> bool:
    return polynomial is not None and all(
        math.isclose(polynomial.get(n, 0.0), wanted.get(n, 0.0), rel_tol=_TOLERANCE)
        for n in polynomial.keys() | wanted.keys()
    )


def _normal(work: Rewrite, centred: Value, deviation: Value) -> Value | None:
    """centred / deviation, or x / its root mean square."""
    root = work.producer(deviation, "sqrt")
    return None if root is None else _scaled(work, centred, root.inputs[0])


def _normal_by_inverse(work: Rewrite, one: Value, other: Value) -> Value | None:
    """centred * (1 / deviation), or x by its root mean square."""
    for centred, inverse in ((one, other), (other, one)):
        root = work.producer(inverse, "rsqrt")
        if root is not None:
            power = root.inputs[0]
        else:
            division = work.producer(inverse, "div", "reciprocal")
            if division is None or (division.op.name == "div" and _number(division.inputs[0]) != 1):
                continue
            root = work.producer(division.inputs[-1], "sqrt")
            power = None if root is None else root.inputs[0]
        result = _scaled(work, centred, power)
        if result is not None:
            return result
    return None


def _scaled(work: Rewrite, x: Value, power: Value | None) -> Value | None:
    """x times the inverse root of the mean of its squares and an epsilon."""
    for mean, epsilon in _with_number(work.producer(power, "add")):
        square = work.producer(_operand(work, mean), "square", "mul")
        if square is None or any(operand is not x for operand in square.inputs):
            continue
        axes = _mean_axes(work, mean, x.rank)
        if axes is None:
            continue
        centring = work.producer(x, "sub")
        if centring is not None:
            source, middle = centring.inputs
            if source is not None and _operand(work, middle) is source and _mean_axes(work, middle, x.rank) == axes:
                return work.b.layer_norm(source, None, None, axes=axes, epsilon=epsilon)
        return work.b.rms_norm(x, None, axes=axes, epsilon=epsilon)
    return None


def _mean_axes(work: Rewrite, value: Value | None, rank: int) -> tuple[int, ...] | None:
    node = work.producer(value, "reduce_mean")
    if node is None or not node.attrs["keepdims"]:
        return None
    return tuple(sorted(normalize_axes(node.attrs["axes"], rank)))


def _operand(work: Rewrite, value: Value | None) -> Value | None:
    node = work.producer(value, "reduce_mean")
    return None if node is None else node.inputs[0]


def _with_gamma(work: Rewrite, one: Value, other: Value) -> Value | None:
    for value, gamma in ((one, other), (other, one)):
        node = work.producer(value, "layer_norm", "rms_norm")
        if node is not None and not any(node.inputs[1:]) and _is_weight(work, node, value, gamma):
            x, *rest = node.inputs
            result: Value = getattr(work.b, node.op.name)(x, gamma, *rest[1:], **node.attrs)
            return result
    return None


def _with_beta(work: Rewrite, one: Value, other: Value) -> Value | None:
    for value, beta in ((one, other), (other, one)):
        node = work.producer(value, "layer_norm")
        if node is not None and node.inputs[2] is None and _is_weight(work, node, value, beta):
            return work.b.layer_norm(node.inputs[0], node.inputs[1], beta, **node.attrs)
    return None


def _is_weight(work: Rewrite, node: Node, value: Value, weight: Value) -> bool:
    """Whether a constant goes along the axes that a node normalises, and nothing else reads what it gives."""
    axes = node.attrs["axes"]
    return (
        isinstance(weight, Constant)
        and work.single_use(value)
        and weight.rank <= value.rank
        and all(size == 1 or axis + value.rank - weight.rank in axes for axis, size in enumerate(weight.shape))
    )


def _number(value: Value | None) -> float | None:
    """A constant of one element."""
    return float(value.data.reshape(-1)[0]) if isinstance(value, Constant) and value.data.size == 1 else None


def _with_number(node: Node | None) -> Iterator[tuple[Value, float]]:
    """The operands of a node, if one of them is a number: the other, and the number."""
    for place in (0, 1) if node is not None else ():
        x, number = node.inputs[1 - place], _number(node.inputs[place])  # type: ignore[union-attr]
        if x is not None and number is not None:
            yield x, number


_RULES = {
    "pow": (_power,),
    "mul": (_gelu, _normal_by_inverse, _with_gamma),
    "div": (_normal,),
    "add": (_with_beta,),
}
