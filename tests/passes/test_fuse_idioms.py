"""Operators that files state in steps."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kcompat import operators as operators
from kcompat.ir import Builder, Graph, TensorType, Value, verify
from kcompat.passes.fuse_idioms import fuse_idioms
from kcompat.reference import evaluate

X = np.random.default_rng(0).normal(size=(2, 3, 8)).astype(np.float32) * 2
GAMMA = np.random.default_rng(1).uniform(0.5, 1.5, 8).astype(np.float32)
BETA = np.random.default_rng(2).normal(size=8).astype(np.float32)


def graph_of(build: Any) -> Graph:
    b = Builder()
    result = build(b, b.input(TensorType("float32", ("batch", 3, 8))))
    return b.build(result if isinstance(result, list) else [result])


def fused_names(build: Any) -> list[str]:
    """The operators of the fused graph that are needed, which gives what the graph gave."""
    graph = graph_of(build)
    fused = verify(fuse_idioms(graph))
    for got, want in zip(evaluate(fused, [X]), evaluate(graph, [X]), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)
    needed, names = set(fused.outputs), []
    for node in reversed(fused.nodes):
        if any(output in needed for output in node.outputs):
            needed |= {value for value in node.inputs if value is not None}
            names.append(node.op.name)
    return names[::-1]


def by_erf(b: Builder, x: Value, root: float = math.sqrt(2)) -> Value:
    return b.mul(b.mul(x, b.add(b.erf(b.div(x, root)), 1.0)), 0.5)


def by_half(b: Builder, x: Value) -> Value:
    return b.mul(b.mul(0.5, x), b.add(1.0, b.erf(b.mul(x, math.sqrt(0.5)))))


def by_tanh(b: Builder, x: Value, cube: Any, factor: float = 0.044715) -> Value:
    inner = b.mul(math.sqrt(2 / math.pi), b.add(x, b.mul(factor, cube(b, x))))
    return b.mul(b.mul(x, 0.5), b.add(b.tanh(inner), 1.0))


def test_small_powers_are_products() -> None:
    assert fused_names(lambda b, x: b.pow(x, 2.0)) == ["square"]
    assert fused_names(lambda b, x: b.pow(x, 3.0)) == ["square", "mul"]
    assert fused_names(lambda b, x: b.pow(x, np.float32([2.0]))) == ["square"]
    assert fused_names(lambda b, x: b.pow(b.abs(x), 1.5)) == ["abs", "pow"]
    assert fused_names(lambda b, x: b.pow(2.0, x)) == ["pow"]


@pytest.mark.parametrize(
    "build",
    [
        by_erf,
        by_half,
        lambda b, x: by_tanh(b, x, lambda b, x: b.pow(x, 3.0)),
        lambda b, x: by_tanh(b, x, lambda b, x: b.mul(x, b.mul(x, x))),
        lambda b, x: by_tanh(b, x, lambda b, x: b.mul(b.mul(x, x), x)),
    ],
)
def test_gelu(build: Any) -> None:
    assert fused_names(build) == ["gelu"]
    assert fused_names(lambda b, x: b.mul(build(b, b.abs(x)), x)) == ["abs", "gelu", "mul"]


def test_what_is_almost_gelu_stays() -> None:
    assert "gelu" not in fused_names(lambda b, x: by_erf(b, x, 1.4))
    assert "gelu" not in fused_names(lambda b, x: by_tanh(b, x, lambda b, x: b.pow(x, 3.0), 0.04))
    assert "gelu" not in fused_names(lambda b, x: by_tanh(b, x, lambda b, x: b.mul(x, x)))
    assert "gelu" not in fused_names(lambda b, x: by_tanh(b, x, lambda b, x: b.mul(x, b.abs(x))))
    assert "gelu" not in fused_names(lambda b, x: b.mul(b.mul(b.abs(x), b.add(b.erf(b.div(x, 2**0.5)), 1.0)), 0.5))


def centred(b: Builder, x: Value, axes: Any = (-1,)) -> Value:
    return b.sub(x, b.reduce_mean(x, axes=axes, keepdims=True))


def power(b: Builder, x: Value, axes: Any = (-1,), epsilon: float = 1e-5) -> Value:
    return b.add(b.reduce_mean(b.pow(x, 2.0), axes=axes, keepdims=True), epsilon)


def in_steps(b: Builder, x: Value, axes: Any = (-1,)) -> Value:
    middle = centred(b, x, axes)
    return b.div(middle, b.sqrt(power(b, middle, axes)))


def test_normalisation_by_own_statistics() -> None:
    assert fused_names(in_steps) == ["layer_norm"]
    assert fused_names(lambda b, x: b.add(b.mul(in_steps(b, x), GAMMA), BETA)) == ["layer_norm"]
    assert fused_names(lambda b, x: b.add(BETA, b.mul(GAMMA, in_steps(b, x, (1, 2))))) == ["layer_norm"]
    assert fused_names(lambda b, x: b.mul(centred(b, x), b.rsqrt(power(b, centred(b, x))))) != ["layer_norm"]


def test_normalisation_by_root_mean_square() -> None:
    assert fused_names(lambda b, x: b.mul(GAMMA, b.mul(x, b.rsqrt(power(b, x))))) == ["rms_norm"]
    assert fused_names(lambda b, x: b.mul(x, b.div(1.0, b.sqrt(power(b, x))))) == ["rms_norm"]
    assert fused_names(lambda b, x: b.mul(x, b.reciprocal(b.sqrt(power(b, x))))) == ["rms_norm"]
    assert fused_names(lambda b, x: b.div(x, b.sqrt(power(b, x)))) == ["rms_norm"]


def test_weights_along_other_axes_or_of_shared_values_stay() -> None:
    rows = np.float32([[0.5], [1.5], [2.5]])
    assert fused_names(lambda b, x: b.mul(in_steps(b, x), rows)) == ["layer_norm", "mul"]

    def shared(b: Builder, x: Value) -> list[Value]:
        normal = in_steps(b, x)
        return [normal, b.mul(normal, GAMMA)]

    assert fused_names(shared) == ["layer_norm", "mul"]


def test_other_statistics_stay() -> None:
    assert "rms_norm" not in fused_names(lambda b, x: b.div(x, b.sqrt(power(b, b.abs(x)))))
    assert "layer_norm" not in fused_names(
        lambda b, x: b.div(centred(b, x, (1,)), b.sqrt(power(b, centred(b, x, (1,)), (2,))))
    )
