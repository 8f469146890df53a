"""Depthwise convolution: each channel with kernels of its own."""

from __future__ import annotations

import numpy as np

from ...ir import Constant, Node, Value
from ...operators.window import Pairs
from ..planner import Planner
from ..program import Address, Argument, bits, kernel, product
from .dense import FLOPS, streams
from .movement import copy
from .tiles import packed_bias
from .windows import Convolution, label_of, three

MOST_PIXELS = 7
"""Of a row of the result that the kernel for images computes at once."""

OVERHEAD = 4
"""What the stores and the loop over channels take, in multiplications."""

MOST_TAPS = 49
"""In windows that the kernel for images unrolls."""


def is_depthwise(node: Node, x: Value, w: Value) -> bool:
    """Whether a convolution has a group for each channel."""
    return bool(w.shape[-2] == 1 and 1 < node.attrs["groups"] == x.shape[-1])


def is_of_vectors(planner: Planner, node: Node, x: Value, w: Value) -> bool:
    """Whether the kernel for images takes a depthwise convolution: of two axes, and of channels for one vector, each
    with one kernel."""
    is_small = w.rank <= 4 and product(w.shape[:-2]) <= MOST_TAPS and set(node.attrs["dilations"]) == {1}
    return is_small and x.shape[-1] == w.shape[-1] and product(w.shape[-1:]) >= planner.target.lanes


def depthwise(planner: Planner, convolution: Convolution) -> None:
    node, x, w, bias, residual, pads, limits = convolution
    y, attrs, lanes = node.outputs[0], node.attrs, planner.target.lanes
    channels = product(w.shape[-1:])
    source, target, added = repeated(planner, x, channels), planner.place(y), planner.place(residual)
    taps = _weights(planner, w)
    offset, zeros = packed_bias(planner, bias, channels, 1), planner.constant(planner.packs.zeros(channels).data)
    images, window = product(x.shape[:1]), [int(size) for size in w.shape[:-2]]
    limit_bits = [bits(limit) for limit in limits]
    arguments: list[Argument]
    if is_of_vectors(planner, node, x, w):
        height, width = three(x.shape[1:-1], 1)[1:]
        rows, columns = three(y.shape[1:-1], 1)[1:]
        (kernel_rows, kernel_columns), (row_stride, stride) = three(window, 1)[1:], three(attrs["strides"], 1)[1:]
        top, left = three([low for low, _ in pads], 0)[1:]
        pixels = _pixels(columns, kernel_rows, kernel_columns, stride)
        parameters = {
            "height": kernel_rows,
            "width": kernel_columns,
            "stride": stride,
            "pixels": pixels,
            "lanes": lanes,
        }
        if streams(4 * product(y.shape), channels, lanes):
            parameters["streams"] = 1
        key = kernel("depthwise.images", **parameters)
        arguments = [
            source, target, taps, offset, added, zeros, images, height, width, rows, columns, channels, row_stride,
            top, left, *limit_bits,
        ]  # fmt: skip
    else:
        is_few = len(window) <= 2 and channels <= lanes
        key = kernel("depthwise_few.images", lanes=lanes) if is_few else kernel("windows.depthwise")
        arguments = [
            source, target, images, channels, *three(x.shape[1:-1], 1), *three(y.shape[1:-1], 1), *three(window, 1),
            *three(attrs["strides"], 1), *three([low for low, _ in pads], 0), *three(attrs["dilations"], 1),
            taps, offset, added, *limit_bits,
        ]  # fmt: skip
    planner.step(
        key,
        arguments,
        reads=[source, taps, offset, added, zeros],
        writes=[target],
        work=2.0 * product(y.shape) * product(window) / FLOPS * 2,
        label=label_of("depthwise", node, w),
    )


def _weights(planner: Planner, w: Value) -> Address | int:
    """w as (taps, channels)."""
    return planner.constant(planner.packs.get(w, ("taps",), _taps)) if isinstance(w, Constant) else planner.place(w)


def _pixels(columns: int, height: int, width: int, stride: int) -> int:
    """How many pixels at once compute a row in the least time: two multiplications take as long as one load of an
    input or a weight, each of which serves all pixels."""

    def cost(pixels: int) -> float:
        loads = height * ((pixels - 1) * stride + 2 * width)
        return -(-columns // pixels) * (height * width * pixels + loads / 2 + OVERHEAD)

    return min(range(min(MOST_PIXELS, columns), 0, -1), key=cost)


def _taps(data: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(data.reshape(-1, data.shape[-1]), np.float32)


def repeated(planner: Planner, x: Value, channels: int) -> Address:
    """x with every channel as often in a row as it has kernels."""
    source = planner.place(x)
    assert isinstance(source, Address)
    times, count = channels // product(x.shape[-1:]), product(x.shape)
    if times == 1:
        return source
    target = planner.scratch(4 * count * times)
    copy(planner, target, source, [(count, 4 * times, 4), (times, 4, 0)], 4, "repeat channels")
    return target


def depthwise_kernel_gradient(planner: Planner, node: Node, x: Value, dy: Value, pads: Pairs) -> None:
    channels, images = product(dy.shape[-1:]), product(dy.shape[:1])
    source, gradient, target = repeated(planner, x, channels), planner.place(dy), planner.place(node.outputs[0])
    planner.step(
        kernel("depthwise_gradients.kernel"),
        [source, target, images, channels, *_geometry(node, x, dy, node.attrs["window"], pads), gradient],
        reads=[source, gradient],
        writes=[target],
        work=4.0 * product(dy.shape) * product(node.attrs["window"]) / FLOPS,
        label="depthwise kernel gradient",
    )


def depthwise_transposed(planner: Planner, node: Node, x: Value, w: Value, bias: Value | None) -> None:
    y, window, channels = node.outputs[0], [int(size) for size in w.shape[:-2]], product(x.shape[-1:])
    source, target, taps = planner.place(x), planner.place(y), _weights(planner, w)
    offset = packed_bias(planner, bias, channels, 1)
    geometry = _geometry(node, x, y, window, node.attrs["pads"])
    planner.step(
        kernel("depthwise_gradients.transposed"),
        [source, target, product(x.shape[:1]), channels, *geometry, taps, offset],
        reads=[source, taps, offset],
        writes=[target],
        work=8.0 * product(x.shape) * product(window) / FLOPS,
        label=label_of("depthwise transpose", node, w),
    )


def _geometry(node: Node, x: Value, y: Value, window: list[int] | tuple[int, ...], pads: Pairs) -> list[int]:
    """The words of `windows.GEOMETRY` from the sizes on."""
    attrs = node.attrs
    sizes = [*three(x.shape[1:-1], 1), *three(y.shape[1:-1], 1), *three(window, 1), *three(attrs["strides"], 1)]
    return [*sizes, *three([low for low, _ in pads], 0), *three(attrs["dilations"], 1)]
