"""Kernels of convolution and pooling on shapes that layers' reference cases lack: many channels, odd sizes, tiles that
do not divide the image, sums and clamps in the store, several images; against the operators' meaning in float64."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from engines import sharing_all_steps

from kcompat.executor import Executor
from kcompat.ir import Graph, TensorType
from kcompat.layers.emitter import Emitter
from kcompat.plan.lowering import dense
from kcompat.plan.lowering.grouped import Layout
from kcompat.plan.program import Step
from kcompat.reference import evaluate

LANES = (16, 8, 4)
ATTRS = {"strides": (1, 1), "pads": "same", "dilations": (1, 1), "groups": 1, "layout": "channels_last"}


def seeded(*names: object) -> np.random.Generator:
    return np.random.default_rng(sum(map(ord, str(names))))


def random(generator: np.random.Generator, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (generator.normal(size=shape) * scale).astype(np.float32)


def conv_graph(dtype: str, shape: tuple[int, ...], w: np.ndarray, bias: np.ndarray, fused: bool, attrs: Any) -> Graph:
    """A convolution; if fused, a tensor is added and the sum clamped."""
    b = Emitter()
    y = b.conv(b.input(TensorType(dtype, shape)), w.astype(dtype), bias.astype(dtype), **{**ATTRS, **attrs})
    if fused:
        y = b.clip(b.add(y, b.input(TensorType(dtype, y.shape))), low=-0.5, high=1.5)
    return b.build([y])


def results(graph: Graph, arrays: list[np.ndarray], lanes: int) -> np.ndarray:
    """The result on one thread, which must be that on two."""
    alone = Executor(graph, lanes=lanes)(arrays)
    with sharing_all_steps(2):
        shared = Executor(graph, lanes=lanes)(arrays)
    assert alone[0].tobytes() == shared[0].tobytes()
    return alone[0]


def labels(graph: Graph, lanes: int, **options: bool) -> str:
    program = Executor(graph, lanes=lanes, **options).program([value.shape for value in graph.inputs])
    assert program is not None
    assert all(isinstance(step, Step) for step in program.steps)
    return " ".join(step.label for step in program.steps if isinstance(step, Step))


def check_conv(shape: tuple[int, ...], kernel: tuple[int, ...], lanes: int, fused: bool, **attrs: Any) -> str:
    """Holds a convolution to float64; returns the labels of its steps."""
    generator = seeded(shape, kernel, attrs)
    w = random(generator, *kernel, scale=np.sqrt(2 / np.prod(kernel[:-1])))
    bias = random(generator, kernel[-1])
    graph, exact = (conv_graph(dtype, shape, w, bias, fused, attrs) for dtype in ("float32", "float64"))
    arrays = [np.maximum(random(generator, *value.shape), 0) for value in graph.inputs]  # type: ignore[arg-type]
    (reference,) = evaluate(exact, [array.astype(np.float64) for array in arrays])
    np.testing.assert_allclose(results(graph, arrays, lanes), reference, rtol=1e-4, atol=1e-5)
    return labels(graph, lanes)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(
    ("shape", "filters", "pads"),
    [
        ((3, 14, 14, 32), 48, "same"),
        ((1, 13, 17, 40), 33, ((1, 1), (0, 1))),
        ((2, 24, 26, 64), 16, "valid"),
        ((1, 28, 28, 128), 128, "same"),
        ((40, 15, 9, 64), 64, ((2, 0), (1, 2))),
    ],
)
def test_winograd(shape: tuple[int, ...], filters: int, pads: Any, lanes: int, fused: bool) -> None:
    assert "winograd" in check_conv(shape, (3, 3, shape[-1], filters), lanes, fused, pads=pads)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("pads", ["same", "valid", ((0, 2), (3, 1))])
def test_winograd_of_large_images_in_strips(pads: Any, lanes: int, fused: bool) -> None:
    assert "strips of 8 rows" in check_conv((1, 69, 60, 32), (3, 3, 32, 32), lanes, fused, pads=pads)


def test_winograd_on_many_channels() -> None:
    assert "winograd" in check_conv((8, 8, 8, 256), (3, 3, 256, 256), 16, False)
    assert "winograd" not in check_conv((8, 8, 8, 288), (3, 3, 288, 256), 16, False)


def test_exact_executors_use_no_winograd() -> None:
    generator = seeded("exact")
    graph = conv_graph("float32", (1, 28, 28, 64), random(generator, 3, 3, 64, 64), random(generator, 64), False, {})
    assert "winograd" in labels(graph, 16)
    assert "winograd" not in labels(graph, 16, exact=True)


def test_winograd_spreads_nan_no_farther_than_its_tile_sees() -> None:
    generator = seeded("nan")
    graph = conv_graph("float32", (1, 16, 16, 32), random(generator, 3, 3, 32, 32), random(generator, 32), False, {})
    x = random(generator, 1, 16, 16, 32)
    x[0, 5, 5, 3] = np.nan
    y = results(graph, [x], 16)
    assert np.isnan(y[0, 4:7, 4:7]).all()
    assert not np.isnan(y[0, 9:]).any()
    assert not np.isnan(y[0, :, 9:]).any()


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(
    ("shape", "kernel", "attrs"),
    [
        ((3, 14, 14, 32), (3, 3, 1, 32), {}),
        ((2, 15, 13, 24), (3, 3, 1, 24), {"strides": (2, 2)}),
        ((1, 9, 3, 40), (5, 5, 1, 40), {}),
        ((2, 12, 10, 20), (3, 3, 1, 20), {"strides": (2, 1), "pads": ((0, 1), (2, 1))}),
        ((1, 7, 7, 48), (5, 3, 1, 48), {"strides": (3, 4)}),
    ],
)
def test_depthwise(shape: tuple[int, ...], kernel: tuple[int, ...], attrs: Any, lanes: int, fused: bool) -> None:
    assert "depthwise" in check_conv(shape, kernel, lanes, fused, groups=shape[-1], **attrs)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(
    ("shape", "kernel", "attrs"),
    [
        ((2, 15, 15, 32), (3, 3, 4, 32), {"groups": 8}),
        ((1, 9, 19, 64), (3, 3, 4, 128), {"groups": 16, "strides": (2, 2)}),
        ((2, 7, 7, 64), (3, 3, 16, 64), {"groups": 4, "pads": ((0, 2), (2, 1))}),
        ((1, 10, 12, 96), (3, 3, 32, 96), {"groups": 3, "strides": (1, 2)}),
        ((2, 8, 9, 24), (5, 5, 8, 24), {"groups": 3, "pads": "valid"}),
        ((1, 9, 8, 36), (1, 3, 3, 36), {"groups": 12, "dilations": (1, 2)}),
        ((2, 6, 7, 66), (1, 1, 6, 22), {"groups": 11, "strides": (2, 2)}),
        ((1, 11, 9, 40), (2, 4, 20, 10), {"groups": 2, "dilations": (3, 1)}),
        ((1, 5, 5, 60), (3, 3, 12, 35), {"groups": 5}),
        ((1, 17, 33, 10), (3, 3, 5, 4), {"groups": 2}),
        ((2, 12, 10, 7), (3, 3, 1, 7), {"groups": 7, "strides": (2, 1)}),
        ((2, 12, 10, 3), (3, 3, 1, 6), {"groups": 3, "pads": "valid"}),
        ((1, 16, 16, 40), (3, 3, 1, 40), {"groups": 40, "dilations": (2, 2)}),
        ((1, 9, 9, 18), (7, 7, 1, 54), {"groups": 18}),
    ],
)
def test_groups_of_few_channels(
    shape: tuple[int, ...], kernel: tuple[int, ...], attrs: Any, lanes: int, fused: bool
) -> None:
    """Groups that fill vectors, and that do not; a last vector that overlaps the one before it; one that is not full
    of groups; more channels than filters; groups of two vectors, or too many for the kernel."""
    check_conv(shape, kernel, lanes, fused, **attrs)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize(
    ("shape", "filters", "groups", "pads", "lanes"),
    [
        ((3, 14, 14, 64), 64, 4, "same", 16),
        ((1, 29, 22, 64), 96, 2, ((1, 1), (0, 1)), 16),
        ((2, 17, 24, 48), 96, 6, "valid", 16),
        ((1, 28, 28, 72), 48, 3, "same", 16),
        ((5, 7, 7, 64), 64, 4, ((2, 0), (1, 2)), 16),
        ((2, 15, 9, 64), 64, 4, "same", 8),
        ((1, 8, 8, 96), 48, 2, "same", 8),
        ((1, 12, 13, 48), 48, 4, "same", 4),
    ],
)
def test_winograd_in_groups(
    shape: tuple[int, ...], filters: int, groups: int, pads: Any, lanes: int, fused: bool
) -> None:
    """Whole vectors of channels and halves of them, tiles that do not divide, images in one part."""
    kernel = (3, 3, shape[-1] // groups, filters)
    assert "winograd" in check_conv(shape, kernel, lanes, fused, groups=groups, pads=pads)


def test_winograd_in_groups_is_neither_exact_nor_for_unknown_weights() -> None:
    b = Emitter()
    x, w = b.input(TensorType("float32", (1, 28, 28, 64))), b.input(TensorType("float32", (3, 3, 16, 64)))
    attrs = {**ATTRS, "groups": 4}
    known = b.conv(x, random(seeded(), 3, 3, 16, 64), **attrs)
    assert "winograd" not in labels(b.build([known]), 16, exact=True)
    assert "winograd" not in labels(b.build([b.conv(x, w, **attrs)]), 16)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(
    ("shape", "kernel", "attrs"),
    [
        ((2, 31, 24), (4, 6, 16), {"groups": 4, "strides": (2,), "dilations": (1,)}),
        ((2, 30, 16), (5, 2, 16), {"groups": 8, "strides": (1,), "dilations": (2,)}),
        ((1, 5, 6, 7, 16), (3, 2, 3, 4, 16), {"groups": 4, "strides": (1, 2, 1), "dilations": (1, 1, 1)}),
        ((2, 6, 5, 7, 5), (3, 3, 3, 1, 5), {"groups": 5, "strides": (2, 1, 2), "dilations": (1, 2, 1)}),
    ],
)
def test_groups_along_one_axis_and_three(
    shape: tuple[int, ...], kernel: tuple[int, ...], attrs: Any, lanes: int
) -> None:
    assert "together" in check_conv(shape, kernel, lanes, True, **attrs)


def test_vectors_are_shared_by_as_many_groups_as_they_hold() -> None:
    groups = [(4, 8, 4), (2, 8, 8), (16, 5, 1), (3, 4, 4), (5, 3, 2), (32, 4, 1)]
    for filters, count, together in groups:
        label = check_conv((1, 4, 4, 2 * count), (3, 3, 2, filters * count), 16, False, groups=count)
        assert f" {together} together" in label


def test_grouped_weights_are_held_once() -> None:
    """What is packed gives the weights back, bit for bit, with groups that two vectors share."""
    for groups, filters, lanes in ((7, 4, 16), (5, 3, 8), (3, 16, 16), (2, 8, 4), (3, 1, 16)):
        data = random(seeded(groups, filters, lanes), 3, 5, 2, groups * filters)
        layout = Layout(groups, filters, lanes)
        assert layout.unpack(data.shape, layout.pack(data)).tobytes() == data.tobytes()


@pytest.mark.parametrize(("columns", "pixels"), [(147, 7), (74, 7), (37, 7), (19, 7), (10, 5), (8, 4), (5, 5), (3, 3)])
def test_pixels_of_depthwise_rows_that_do_not_divide(columns: int, pixels: int) -> None:
    """One pixel at a time computes none in vain, but reads each input for each tap."""
    b = Emitter()
    x = b.input(TensorType("float32", (1, columns, columns, 32)))
    graph = b.build([b.conv(x, np.ones((3, 3, 1, 32), np.float32), **{**ATTRS, "groups": 32})])
    program = Executor(graph).program([x.shape])
    assert program is not None
    assert {dict(key[1])["pixels"] for key in program.kernels()} == {pixels}


def test_depthwise_of_one_axis() -> None:
    attrs = {"strides": (2,), "dilations": (1,), "groups": 32, "pads": "same"}
    assert "depthwise" in check_conv((2, 31, 32), (4, 1, 32), 16, True, **attrs)


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(
    ("shape", "kernel", "attrs"),
    [
        ((3, 15, 15, 3), (7, 7, 3, 20), {"strides": (2, 2)}),
        ((2, 9, 11, 48), (1, 1, 48, 37), {}),
        ((2, 9, 11, 48), (1, 1, 48, 96), {"strides": (2, 2)}),
        ((1, 7, 7, 600), (3, 3, 600, 16), {"dilations": (2, 1)}),
        ((2, 8, 9, 24), (3, 3, 8, 48), {"groups": 3, "pads": ((0, 2), (1, 0))}),
        ((33, 6, 6, 8), (3, 3, 8, 65), {"pads": "valid"}),
    ],
)
def test_direct(shape: tuple[int, ...], kernel: tuple[int, ...], attrs: Any, lanes: int, fused: bool) -> None:
    check_conv(shape, kernel, lanes, fused, **attrs)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("filters", [64, 48, 40])
def test_results_larger_than_caches(filters: int, lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are stored past them where they are aligned: what lies between is, the caller's array may not be."""
    monkeypatch.setattr(dense, "STREAM_BYTES", 0)
    generator = seeded("stream", filters)
    b = Emitter()
    y = b.input(TensorType("float32", (3, 5, 7, 20)))
    for channels in (20, filters):
        y = b.relu(
            b.conv(y, random(generator, 1, 1, channels, filters, scale=0.1), random(generator, filters), **ATTRS)
        )
    for _ in range(2):
        w = random(generator, 3, 3, 1, filters, scale=0.3)
        y = b.conv(y, w, random(generator, filters), **{**ATTRS, "groups": filters})
    graph, x = b.build([y]), random(generator, 3, 5, 7, 20)
    reference = evaluate(graph, [x])[0]
    for _ in range(8):
        np.testing.assert_allclose(results(graph, [x], lanes), reference, rtol=1e-4, atol=1e-5)


def test_pad_before_a_convolution_is_its_own() -> None:
    generator = seeded("pad")
    x, w = random(generator, 2, 8, 9, 32), random(generator, 3, 3, 1, 32)
    b = Emitter()
    padded = b.pad(b.input(TensorType("float32", x.shape)), pads=((0, 0), (0, 1), (2, 1), (0, 0)))
    y = b.conv(padded, w, None, **{**ATTRS, "pads": ((1, 0), (0, 0)), "strides": (2, 2), "groups": 32})
    graph = b.build([y])
    assert labels(graph, 16) == "depthwise 3x3 s2x2 g32"
    np.testing.assert_allclose(results(graph, [x], 16), evaluate(graph, [x])[0], rtol=1e-4, atol=1e-5)


def test_pad_of_channels_stays() -> None:
    generator = seeded("channels")
    x, w = random(generator, 2, 8, 9, 5), random(generator, 3, 3, 8, 7)
    b = Emitter()
    padded = b.pad(b.input(TensorType("float32", x.shape)), pads=((0, 0), (0, 1), (2, 1), (1, 2)))
    graph = b.build([b.conv(padded, w, None, **ATTRS)])
    np.testing.assert_allclose(results(graph, [x], 16), evaluate(graph, [x])[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize(
    ("shape", "kernel", "attrs"),
    [
        ((2, 12, 13, 32), (2, 2, 24, 32), {}),
        ((1, 6, 6, 32), (2, 2, 64, 32), {}),
        ((2, 5, 6, 8), (3, 3, 7, 8), {"pads": ((0, 1), (1, 0)), "output_padding": (0, 1)}),
        ((3, 5, 6, 8), (3, 4, 6, 8), {"groups": 2, "strides": (3, 1), "pads": ((1, 1), (-1, 2)), "dilations": (1, 2)}),
        ((1, 1, 1, 6), (2, 3, 5, 6), {"strides": (2, 3)}),
        ((2, 1, 1, 20), (4, 4, 40, 20), {"strides": (1, 1)}),
        ((1, 20, 20, 64), (4, 4, 32, 64), {"pads": ((1, 1), (1, 1))}),
    ],
)
def test_conv_transpose(
    shape: tuple[int, ...], kernel: tuple[int, ...], attrs: Any, has_bias: bool, lanes: int
) -> None:
    generator = seeded(shape, kernel)
    attrs = {"strides": (2, 2), "pads": ((0, 0),) * 2, "output_padding": (0, 0), "dilations": (1, 1), **attrs}
    w = random(generator, *kernel, scale=0.1)
    b = Emitter()
    bias = random(generator, kernel[-2] * attrs.get("groups", 1)) if has_bias else None
    y = b.conv_transpose(
        b.input(TensorType("float32", shape)), w, bias, **{"groups": 1, **attrs}, layout="channels_last"
    )
    graph, x = b.build([y]), random(generator, *shape)
    np.testing.assert_allclose(results(graph, [x], lanes), evaluate(graph, [x])[0], rtol=1e-4, atol=1e-5)
    assert "conv transpose" in labels(graph, lanes)


@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
@pytest.mark.parametrize(
    ("shape", "window", "strides", "pads"),
    [
        ((3, 24, 24, 64), (2, 2), (2, 2), "valid"),
        ((1, 15, 17, 40), (3, 3), (2, 2), ((1, 1), (0, 2))),
        ((2, 7, 7, 2048), (7, 7), (1, 1), "valid"),
        ((2, 9, 5, 3), (2, 3), (1, 2), "same"),
    ],
)
def test_pool(name: str, shape: tuple[int, ...], window: Any, strides: Any, pads: Any) -> None:
    generator = seeded(name, shape)
    b = Emitter()
    attrs = {"window": window, "strides": strides, "pads": pads, "layout": "channels_last"}
    graph = b.build([getattr(b, name)(b.input(TensorType("float32", shape)), **attrs)])
    x = random(generator, *shape)
    x[0, 1, 1, 0] = np.nan
    np.testing.assert_allclose(results(graph, [x], 16), evaluate(graph, [x])[0], rtol=1e-4, atol=1e-5)
