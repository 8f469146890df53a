"""Convolution and pooling. ONNX has channels first, and kernels (O, C / groups, *K)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError
from kcompat.ir import Value
from kcompat.operators.window import Pairs, extent, output_sizes, resolve_pads

from ..call import Call, NeedsHost, handles

_FIRST = "channels_first"


class Window:
    """The attributes that sliding windows share, completed."""

    def __init__(self, c: Call, kernel: tuple[int, ...]) -> None:
        count = len(kernel)
        self.kernel = kernel
        self.strides = c.ints("strides", (1,) * count)
        self.dilations = c.ints("dilations", (1,) * count)
        auto = c.get("auto_pad", "NOTSET")
        explicit = c.ints("pads", (0,) * 2 * count)
        named = {"SAME_UPPER": "same", "SAME_LOWER": "same_lower", "VALID": "valid"}
        self.pads: str | Pairs = named.get(auto) or tuple(zip(explicit[:count], explicit[count:], strict=True))
        if len(explicit) != 2 * count or auto not in (*named, "NOTSET", ""):
            raise ArgumentError(f"{c.node.op}: pads {explicit} and auto_pad {auto!r} for {count} spatial axes")

    @property
    def options(self) -> dict[str, Any]:
        return {"strides": self.strides, "pads": self.pads, "dilations": self.dilations, "layout": _FIRST}


def kernel_shape(c: Call, w: Value) -> tuple[int, ...]:
    kernel = c.shape(w)[2:]
    if c.ints("kernel_shape", kernel) != kernel:
        raise ArgumentError(f"{c.node.op}: kernel_shape {c.ints('kernel_shape')}, but the kernel is {w.type}")
    return kernel


@handles("Conv")
def _conv(c: Call) -> Any:
    x, w, bias = c.wide(c.x(0)), c.wide(c.x(1)), c.opt(2)
    bias = None if bias is None else c.wide(bias)
    window = Window(c, kernel_shape(c, w))
    kernel = c.b.transpose(w, perm=(*range(2, w.rank), 1, 0))
    return c.cast(c.b.conv(x, kernel, bias, groups=int(c.get("group", 1)), **window.options), c.x(0).dtype)


@handles("ConvTranspose")
def _conv_transpose(c: Call) -> Any:
    """Kernels are (C, O / groups, *K) there; `output_shape` decides the pads."""
    x, w, bias = c.wide(c.x(0)), c.wide(c.x(1)), c.opt(2)
    bias = None if bias is None else c.wide(bias)
    window = Window(c, kernel_shape(c, w))
    extra = c.ints("output_padding", (0,) * len(window.kernel))
    result = c.b.conv_transpose(
        x,
        c.b.transpose(w, perm=(*range(2, w.rank), 1, 0)),
        bias,
        strides=window.strides,
        pads=_transposed_pads(c, window, x, extra),
        output_padding=extra,
        dilations=window.dilations,
        groups=int(c.get("group", 1)),
        layout=_FIRST,
    )
    return c.cast(result, c.x(0).dtype)


def _transposed_pads(c: Call, window: Window, x: Value, extra: tuple[int, ...]) -> Pairs:
    wanted = c.ints("output_shape", ())[-len(window.kernel) :]
    if isinstance(window.pads, tuple) and not wanted:
        return window.pads
    if window.pads == "valid" and not wanted:
        return ((0, 0),) * len(window.kernel)
    sizes = c.shape(x)[2:]
    wanted = wanted or tuple(size * stride for size, stride in zip(sizes, window.strides, strict=True))
    pairs = []
    for size, k, s, d, e, out in zip(
        sizes, window.kernel, window.strides, window.dilations, extra, wanted, strict=True
    ):
        total = (size - 1) * s + e + extent(k, d) - out
        small, large = total // 2, total - total // 2
        pairs.append((small, large) if window.pads == "same" else (large, small))
    return tuple(pairs)


# --- pooling -----------------------------------------------------------------------


def _grown(c: Call, window: Window, x: Value) -> Pairs:
    """Pads with what `ceil_mode` adds at the high end so that a last, partly filled window fits."""
    sizes = c.shape(x)[2:]
    pads = resolve_pads(window.pads, sizes, window.kernel, window.strides, window.dilations)
    if not c.get("ceil_mode", 0) or isinstance(window.pads, str):
        return pads
    pairs = []
    for size, k, s, d, (low, high) in zip(sizes, window.kernel, window.strides, window.dilations, pads, strict=True):
        span = extent(k, d)
        steps = -(-(size + low + high - span) // s)
        if steps * s >= size + low:  # a window must not start in the padding
            steps -= 1
        pairs.append((low, high + max(0, steps * s + span - size - low - high)))
    return tuple(pairs)


@handles("MaxPool")
def _max_pool(c: Call) -> Any:
    x = c.x()
    window = Window(c, c.ints("kernel_shape"))
    pads = _pool_pads(c, window, x)
    if c.outputs(1):
        return c.b.max_pool_places(
            x,
            window=window.kernel,
            strides=window.strides,
            pads=resolve_pads(pads, c.shape(x)[2:], window.kernel, window.strides, window.dilations),
            dilations=window.dilations,
            column_major=bool(c.get("storage_order", 0)),
        )
    return c.b.max_pool(x, window=window.kernel, **{**window.options, "pads": pads})


def _pool_pads(c: Call, window: Window, x: Value) -> str | Pairs:
    return _grown(c, window, x) if c.get("ceil_mode", 0) else window.pads


@handles("AveragePool")
def _average_pool(c: Call) -> Any:
    """With count_include_pad, what ceil_mode adds does not count."""
    x = c.wide(c.x())
    window = Window(c, c.ints("kernel_shape"))
    pads, counted = _pool_pads(c, window, x), bool(c.get("count_include_pad", 0))
    options = {**window.options, "pads": pads}
    result = c.b.avg_pool(x, window=window.kernel, count_padding=counted, **options)
    if counted and pads != window.pads:
        result = c.b.mul(result, c.constant(_shares(c, window, pads, x), result))
    return c.cast(result, c.x().dtype)


def _shares(c: Call, window: Window, pads: str | Pairs, x: Value) -> np.ndarray:
    """Window size by number of positions that count, for each output position."""
    sizes = c.shape(x)[2:]
    real = resolve_pads(window.pads, sizes, window.kernel, window.strides, window.dilations)
    outs = output_sizes("AveragePool", sizes, window.kernel, window.strides, pads, window.dilations)
    share = np.ones(())
    for size, out, k, s, d, (low, high) in zip(
        sizes, outs, window.kernel, window.strides, window.dilations, real, strict=True
    ):
        places = np.arange(int(out or 0))[:, None] * s + np.arange(k) * d
        share = np.multiply.outer(share, k / np.sum(places < size + low + high, axis=1))
    return share


@handles("LpPool")
def _lp_pool(c: Call) -> Any:
    x = c.wide(c.x())
    window = Window(c, c.ints("kernel_shape"))
    power = c.get("p", 2)
    pads = _pool_pads(c, window, x)
    mean = c.b.avg_pool(
        c.b.pow(c.b.abs(x), float(power)), window=window.kernel, count_padding=True, **{**window.options, "pads": pads}
    )
    return c.cast(c.b.pow(c.b.mul(mean, float(math.prod(window.kernel))), 1.0 / power), c.x().dtype)


@handles("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def _global_pool(c: Call) -> Any:
    x = c.wide(c.x())
    axes = tuple(range(2, x.rank))
    if c.node.op == "GlobalMaxPool":
        result = c.b.reduce_max(x, axes=axes, keepdims=True)
    elif c.node.op == "GlobalAveragePool":
        result = c.b.reduce_mean(x, axes=axes, keepdims=True)
    else:
        if c.opset < 2:
            raise NeedsHost
        power = c.get("p", 2)
        total = c.b.reduce_sum(c.b.pow(c.b.abs(x), float(power)), axes=axes, keepdims=True)
        result = c.b.pow(total, 1.0 / power)
    return c.cast(result, c.x().dtype)
