"""Kernels of gradients against the NumPy meanings, for more shapes than the layers' cases have."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engines import ENGINES

from kcompat.executor import Executor
from kcompat.ir import Builder, Graph, TensorType, Variable
from kcompat.operators.conv import input_gradient
from kcompat.plan.program import HostStep
from kcompat.reference import evaluate

COMPILED = ["compiled", "two_threads", "lanes_8", "lanes_4"]
NUMBERS = [("a", 1), ("b", 2), ("c", 3)]
IMAGE = (3, 9, 11, 4)


def graph_of(make: Callable[..., Any], shapes: list[tuple[int, ...]]) -> Graph:
    b = Builder()
    inputs = [b.input(TensorType("float32", shape)) for shape in shapes]
    return b.build([make(b, *inputs)])


def check(graph: Graph, engine: str) -> None:
    shapes = [value.shape for value in graph.inputs]
    program = Executor(graph).program(shapes)
    assert program is not None
    assert not [step for step in program.steps if isinstance(step, HostStep)]
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    expected = evaluate(graph, arrays)[0]
    actual = ENGINES[engine].run(graph, arrays)[0]
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5 * max(1.0, float(np.abs(expected).max())))


def output_shape(op: str, *shapes: tuple[int, ...], **attrs: Any) -> tuple[int, ...]:
    return graph_of(lambda b, *values: getattr(b, op)(*values, **attrs), list(shapes)).outputs[0].shape


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize(
    ("stride", "dilation", "pads", "groups"),
    [
        (1, 1, "same", 1),
        (2, 1, "same", 1),
        (2, 1, "valid", 1),
        (1, 2, "valid", 1),
        (3, 1, ((1, 0), (2, 1)), 1),
        (1, 1, "same", 2),
        (2, 1, "same", 4),
    ],
)
def test_conv_kernel_gradient(stride: int, dilation: int, pads: Any, groups: int, engine: str) -> None:
    attrs = {"strides": (stride,) * 2, "dilations": (dilation,) * 2, "pads": pads, "groups": groups}
    dy = output_shape("conv", IMAGE, (3, 2, 4 // groups, 8), **attrs)
    check(graph_of(lambda b, x, g: b.conv_kernel_gradient(x, g, window=(3, 2), **attrs), [IMAGE, dy]), engine)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize(
    ("stride", "dilation", "pads"), [(1, 1, "same"), (2, 1, "same"), (3, 1, ((1, 0), (2, 1))), (1, 2, "valid")]
)
@pytest.mark.parametrize("channels", [20, 3])
def test_depthwise_training(channels: int, stride: int, dilation: int, pads: Any, engine: str) -> None:
    """Forward with a kernel that changes, and both gradients."""
    image, kernel = (3, 9, 11, channels), (3, 2, 1, channels)
    attrs: dict[str, Any] = {"strides": (stride,) * 2, "dilations": (dilation,) * 2, "pads": pads, "groups": channels}
    dy = output_shape("conv", image, kernel, **attrs)
    check(graph_of(lambda b, x, w: b.conv(x, w, **attrs), [image, kernel]), engine)
    check(graph_of(lambda b, x, g: b.conv_kernel_gradient(x, g, window=(3, 2), **attrs), [image, dy]), engine)
    check(
        graph_of(lambda b, g, w, x: input_gradient(b, g, w, x, layout="channels_last", **attrs), [dy, kernel, image]),
        engine,
    )


def labels(graph: Graph) -> str:
    program = Executor(graph).program([value.shape for value in graph.inputs])
    assert program is not None
    return " ".join(step.label for step in program.steps if not isinstance(step, HostStep))


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize(
    ("shape", "filters", "pads"),
    [((8, 25, 22, 32), 48, "same"), ((40, 13, 10, 36), 64, "valid"), ((33, 15, 9, 64), 32, ((2, 0), (1, 2)))],
)
def test_gradients_by_winograd(shape: tuple[int, ...], filters: int, pads: Any, engine: str) -> None:
    """Of several groups of images, too; the sizes are no multiples of a tile's."""
    attrs: dict[str, Any] = {"strides": (1, 1), "dilations": (1, 1), "pads": pads}
    kernel = (3, 3, shape[-1], filters)
    dy = output_shape("conv", shape, kernel, **attrs)
    by_kernel = graph_of(lambda b, x, g: b.conv_kernel_gradient(x, g, window=(3, 3), **attrs), [shape, dy])
    resolved = ((1, 1), (1, 1)) if pads == "same" else ((0, 0), (0, 0)) if pads == "valid" else pads
    attrs |= {"pads": resolved, "output_padding": (0, 0)}
    by_image = graph_of(lambda b, g, w: b.conv_transpose(g, w, **attrs), [dy, kernel])
    for graph in (by_kernel, by_image):
        assert "winograd" in labels(graph)
        check(graph, engine)


def test_kernels_that_change_are_applied_directly() -> None:
    """So that a relu is on where it is in Keras; small gradients are exact, too."""
    kernel = Variable("kernel", (3, 3, 32, 32))
    b = Builder()
    x = b.input(TensorType("float32", (32, 24, 24, 32)))
    y = b.conv(x, b.parameter(kernel), strides=(1, 1), dilations=(1, 1), pads="same")
    b.updates[kernel] = b.mul(b.parameter(kernel), 0.5)
    assert "winograd" not in labels(b.build([y]))
    small, attrs = (8, 12, 12, 16), {"strides": (1, 1), "dilations": (1, 1), "pads": "same"}
    graph = graph_of(lambda b, x, g: b.conv_kernel_gradient(x, g, window=(3, 3), **attrs), [small, small])
    assert "winograd" not in labels(graph)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("dilation", [1, 2])
def test_conv_transpose_of_stride_one(dilation: int, engine: str) -> None:
    attrs = {"strides": (1, 1), "dilations": (dilation,) * 2, "pads": ((1, 0), (0, 1)), "output_padding": (0, 0)}
    check(graph_of(lambda b, x, w: b.conv_transpose(x, w, **attrs), [(2, 8, 7, 5), (3, 2, 6, 5)]), engine)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("window", [((2, 2), (2, 2), "valid"), ((3, 3), (2, 2), "same"), ((3, 2), (1, 2), "valid")])
@pytest.mark.parametrize("mode", ["first", "all", "inside", "whole"])
def test_pool_gradient(window: Any, mode: str, engine: str) -> None:
    size, strides, pads = window
    attrs: dict[str, Any] = {"window": size, "strides": strides, "pads": pads}
    dy = output_shape("max_pool", IMAGE, **attrs)
    if mode in ("first", "all"):
        graph = graph_of(lambda b, g, x: b.max_pool_gradient(g, x, ties=mode, **attrs), [dy, IMAGE])
    else:
        graph = graph_of(lambda b, g, x: b.avg_pool_gradient(g, x, count_padding=mode == "whole", **attrs), [dy, IMAGE])
    check(graph, engine)


def test_variables_are_updated_in_place_or_all_at_once() -> None:
    """Two variables that become each other's value, and one that is stepped."""
    first, second, third = (
        Variable(name, (3,)).assign(np.full(3, value)) for name, value in zip("abc", (1, 2, 3), strict=False)
    )
    b = Builder()
    x = b.input(TensorType("float32", (3,)))
    b.update(first, b.parameter(second))
    b.update(second, b.parameter(first))
    b.update(third, b.sub(b.parameter(third), b.mul(x, 0.5)))
    given = third.value
    (y,) = Executor(b.build([b.add(x, third)]))([np.ones(3, np.float32)])
    assert y.tolist() == [4.0] * 3
    assert [v.value[0] for v in (first, second, third)] == [2.0, 1.0, 2.5]
    assert given.tolist() == [3.0] * 3
