"""Arithmetic of sliding windows, shared by convolution and pooling of any rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from ..errors import ShapeError
from ..ir.types import Dim, TensorType, shape_text

Pairs = tuple[tuple[int, int], ...]


def spatial_axes(rank: int, layout: str) -> tuple[int, ...]:
    return tuple(range(1, rank - 1)) if layout == "channels_last" else tuple(range(2, rank))


def channel_axis(rank: int, layout: str) -> int:
    return rank - 1 if layout == "channels_last" else 1


def with_spatial(x: TensorType, layout: str, sizes: Sequence[Dim], channels: Dim) -> TensorType:
    """The type of x with other spatial sizes and channels."""
    middle = (*sizes, channels) if layout == "channels_last" else (channels, *sizes)
    return x.with_shape((x.shape[0], *middle))


def extent(kernel: int, dilation: int) -> int:
    """Input positions that one dilated window spans."""
    return (kernel - 1) * dilation + 1


def resolve_pads(
    pads: str | Pairs,
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> Pairs:
    """Explicit (low, high) pads for known input sizes.

    "same" gives ceil(size / stride) outputs with the odd pad at the high end (TensorFlow, ONNX
    SAME_UPPER); "same_lower" puts it at the low end.
    """
    if pads == "valid":
        return ((0, 0),) * len(sizes)
    if not isinstance(pads, str):
        return pads
    return tuple(
        _same(size, extent(k, d), s, pads == "same_lower")
        for size, k, s, d in zip(sizes, kernel, strides, dilations, strict=True)
    )


def _same(size: int, span: int, stride: int, lower: bool) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + span - size, 0)
    small, large = total // 2, total - total // 2
    return (large, small) if lower else (small, large)


def check_window(
    name: str,
    axes: int,
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: str | Pairs,
    dilations: Sequence[int],
) -> None:
    """Raises ShapeError unless there is one of each per axis, windows, strides and dilations of at least one."""
    amounts = (*kernel, *strides, *dilations)
    lengths = {axes, len(kernel), len(strides), len(dilations), axes if isinstance(pads, str) else len(pads)}
    if len(lengths) > 1 or any(isinstance(amount, int) and amount < 1 for amount in amounts):
        raise ShapeError(
            f"{name}: {axes} spatial axes with window {tuple(kernel)}, strides {tuple(strides)}, "
            f"pads {pads}, dilations {tuple(dilations)}"
        )


def output_sizes(
    name: str,
    sizes: Sequence[Dim],
    kernel: Sequence[int],
    strides: Sequence[int],
    pads: str | Pairs,
    dilations: Sequence[int],
) -> tuple[Dim, ...]:
    """Spatial output sizes; open where the input's are, keeping the name where the size is kept.

    Raises ShapeError where a window does not fit.
    """
    check_window(name, len(sizes), kernel, strides, pads, dilations)
    pairs: list[str | tuple[int, int]] = [pads] * len(sizes) if isinstance(pads, str) else list(pads)
    return tuple(
        _output_size(name, size, k, s, pad, d)
        for size, k, s, pad, d in zip(sizes, kernel, strides, pairs, dilations, strict=True)
    )


def _output_size(name: str, size: Dim, kernel: int, stride: int, pad: str | tuple[int, int], dilation: int) -> Dim:
    span = extent(kernel, dilation)
    same = pad in ("same", "same_lower")
    total = 0 if isinstance(pad, str) else sum(pad)
    if not isinstance(size, int):
        return size if stride == 1 and (same or total == span - 1) else None
    if same:
        return -(-size // stride)
    if size + total < span:
        raise ShapeError(f"{name}: a window spanning {span} does not fit into {size} positions with padding {total}")
    return (size + total - span) // stride + 1


def pad_spatial(x: np.ndarray, pads: Pairs, value: float) -> np.ndarray:
    """A channels-last array with its spatial axes padded; negative pads crop."""
    inner = (slice(max(-low, 0), size - max(-high, 0)) for (low, high), size in zip(pads, x.shape[1:], strict=False))
    crop = (slice(None), *inner)
    x = x[crop]
    wide = [(0, 0), *((max(low, 0), max(high, 0)) for low, high in pads), (0, 0)]
    return x if not any(map(any, wide)) else np.pad(x, wide, constant_values=value)


def taps(
    x: np.ndarray, kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """For each kernel position, that position and the view of x (padded, channels last) it meets."""
    counts = [
        (size - extent(k, d)) // s + 1 for size, k, s, d in zip(x.shape[1:-1], kernel, strides, dilations, strict=True)
    ]
    for tap in product(*map(range, kernel)):
        starts = [t * d for t, d in zip(tap, dilations, strict=True)]
        spans = (
            slice(start, start + (count - 1) * s + 1, s)
            for start, count, s in zip(starts, counts, strides, strict=True)
        )
        window = (slice(None), *spans)
        yield tap, x[window]


def to_channels_last(x: np.ndarray, layout: str) -> np.ndarray:
    return x if layout == "channels_last" else np.moveaxis(x, 1, -1)


def from_channels_last(x: np.ndarray, layout: str) -> np.ndarray:
    return x if layout == "channels_last" else np.moveaxis(x, -1, 1)


def require_rank(name: str, x: TensorType, spatial: int) -> None:
    """Raises ShapeError unless x has batch, channels and so many spatial axes."""
    if x.rank != spatial + 2:
        raise ShapeError(
            f"{name} with {spatial} spatial axes needs an input of rank {spatial + 2}, "
            f"received rank {x.rank}, shape {shape_text(x.shape)}"
        )
