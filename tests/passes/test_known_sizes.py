"""Operators that read shapes give way to ones that do not, and compute the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kcompat.operators  # noqa: F401 - enters the cards
from kcompat.ir import Builder, Graph, TensorType, Value, verify
from kcompat.passes.known_sizes import with_known_sizes
from kcompat.reference import evaluate


def graph_of(make: Callable[..., Any], *shapes: tuple[int | None, ...]) -> Graph:
    b = Builder()
    made = make(b, *(b.input(TensorType("float32", shape)) for shape in shapes))
    return b.build([made] if isinstance(made, Value) else list(made))


CONV = {"strides": (2, 1), "pads": "same", "dilations": (1, 1), "layout": "channels_last"}
SLICE = {"starts": (1,), "stops": (-1,), "axes": (0,)}
CASES: list[tuple[str, Callable[..., Any], list[tuple[int, ...]], set[str]]] = [
    ("size", lambda b, x: b.mul(b.cast(b.size(x, axis=-1), dtype="float32"), x), [(2, 3)], {"cast", "mul"}),
    ("broadcast_like", lambda b, x, y: b.broadcast_like(x, y), [(3, 1), (2, 3, 4)], {"broadcast_to"}),
    ("of one shape", lambda b, x, y: b.neg(b.broadcast_like(x, y)), [(3,), (3,)], {"neg"}),
    ("reshape_like", lambda b, x, y: b.reshape_like(x, y), [(3, 4), (2, 6)], {"reshape"}),
    ("unfold_time", lambda b, x, y: b.unfold_time(x, y), [(6, 4), (2, 3, 9)], {"reshape"}),
    ("sum_like", lambda b, x, y: b.sum_like(x, y), [(2, 3, 4), (3, 1)], {"reduce_sum", "expand_dims"}),
    ("slice_gradient", lambda b, x, y: b.slice_gradient(x, y, steps=(1,), **SLICE), [(3, 2), (5, 2)], {"pad"}),
    ("gaps", lambda b, x, y: b.slice_gradient(x, y, steps=(2,), **SLICE), [(2, 2), (5, 2)], {"slice_gradient"}),
    ("surround", lambda b, x, y: b.surround(x, y, axes=(0, 1)), [(2, 3), (5, 3)], {"pad"}),
    ("middle", lambda b, x, y: b.middle(x, y, axes=(0, 1)), [(5, 4), (2, 4)], {"pad"}),
    ("concat_gradient", lambda b, x, y, z: b.concat_gradient(x, y, z, axis=-1), [(2, 5), (2, 3), (2, 2)], {"slice"}),
    (
        "conv_input_gradient",
        lambda b, dy, w, x: b.conv_input_gradient(dy, w, x, **CONV),
        [(2, 3, 4, 5), (3, 2, 1, 5), (2, 5, 4, 1)],
        {"conv_transpose"},
    ),
]


@pytest.mark.parametrize(("make", "shapes", "left"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_operators(make: Callable[..., Any], shapes: list[tuple[int, ...]], left: set[str]) -> None:
    graph = graph_of(make, *shapes)
    result = verify(with_known_sizes(graph))
    assert {node.op.name for node in result.nodes} == left
    arrays = [np.random.default_rng(3).normal(size=shape).astype(np.float32) for shape in shapes]
    for array, reference in zip(evaluate(result, arrays), evaluate(graph, arrays), strict=True):
        np.testing.assert_allclose(array, reference, rtol=1e-6)


def test_open_sizes_stay() -> None:
    graph = graph_of(lambda b, x, y: b.sum_like(x, y), (None, 3), (None, 1))
    assert [node.op.name for node in with_known_sizes(graph).nodes] == ["sum_like"]
