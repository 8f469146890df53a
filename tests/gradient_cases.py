"""Operands and attributes with which the gradients of cards are checked numerically.

Values keep away from kinks and ties; what happens there is in test_gradient_conventions.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class GradientCase:
    """One application of a card. fixed: the places of floating operands that have no gradient."""

    op: str
    operands: list[Any]
    attrs: dict[str, Any] = field(default_factory=dict)
    fixed: tuple[int, ...] = ()

    def __str__(self) -> str:
        shapes = "-".join("x".join(map(str, np.shape(x))) or "scalar" for x in self.operands if x is not None)
        attrs = ",".join(f"{key}={value}" for key, value in self.attrs.items())
        return f"{self.op}-{shapes}-{attrs}".replace(" ", "")


def normal(*shape: int) -> np.ndarray:
    """Distinct values, none of which is near a whole number or half of one."""
    rng = np.random.default_rng(sum(shape) + 7 * len(shape))
    count = int(np.prod(shape))
    steps = rng.permutation(count) - count // 2
    return ((steps * 0.37 + 0.137) * 4 / max(count, 12)).reshape(shape)


def positive(*shape: int) -> np.ndarray:
    return np.abs(normal(*shape)) + 0.3


def small(*shape: int) -> np.ndarray:
    """Within (-1, 1)."""
    return np.tanh(normal(*shape)) * 0.9


def case(op: str, *operands: Any, fixed: tuple[int, ...] = (), **attrs: Any) -> GradientCase:
    return GradientCase(op, list(operands), attrs, fixed)


def all_gradient_cases() -> list[GradientCase]:
    groups = (
        arithmetic,
        activations,
        reductions,
        shapes,
        products,
        windows,
        losses,
        norms,
        indexing,
        images,
        attentions,
        recurrences,
    )
    return [found for group in groups for found in group()]


def arithmetic() -> Iterator[GradientCase]:
    for name in ("add", "sub", "mul", "maximum", "minimum", "div", "mod", "fmod", "floor_div", "atan2"):
        yield case(name, normal(2, 3), positive(2, 3))
        yield case(name, normal(2, 3), positive(3) * 1.1)
        yield case(name, normal(1, 3), positive(4, 2, 1) * 1.1)
        yield case(name, normal(2, 3), np.float64(0.71))
    yield case("pow", positive(2, 3), normal(3))
    yield case("where", np.array([[True], [False]]), normal(2, 3), normal(3))
    yield case("where", np.array([True, False, True]), normal(1, 3), normal(4, 1))
    yield case("cast", normal(3), dtype="float64")
    yield case("dequantize", np.array([[3, -8], [127, 5]], np.int8), normal(2), np.int8(-4))
    yield case("dequantize", np.array([[3, 80], [255, 5]], np.uint8), np.float64(0.3), np.array([[7], [200]], np.uint8))
    for name in ("neg", "abs", "square", "exp", "floor", "ceil", "round", "sign", "sin", "cos", "tan", "atan"):
        yield case(name, normal(2, 3))
    for name in ("sinh", "cosh", "asinh", "expm1"):
        yield case(name, normal(2, 3))
    for name in ("sqrt", "rsqrt", "reciprocal", "log", "log1p"):
        yield case(name, positive(2, 3))
    for name in ("asin", "acos", "atanh"):
        yield case(name, small(2, 3))
    yield case("acosh", positive(2, 3) + 1)
    yield case("clip", normal(2, 3), low=-0.5, high=0.4)
    yield case("clip", normal(2, 3), low=-0.5)
    yield case("clip", normal(2, 3))


def activations() -> Iterator[GradientCase]:
    for name in ("sigmoid", "tanh", "erf", "silu", "selu", "softplus", "softsign", "hard_silu", "mish"):
        yield case(name, normal(3, 4) * 3)
    for name in ("log_sigmoid", "tanh_shrink", "soft_shrink", "hard_shrink", "sparse_plus", "hard_sigmoid"):
        yield case(name, normal(3, 4) * 3)
    for attrs in (
        {},
        {"max_value": 1.0},
        {"max_value": 6.0},
        {"negative_slope": 0.2},
        {"threshold": 0.5},
        {"negative_slope": 0.3, "threshold": -0.4, "max_value": 0.9},
    ):
        yield case("relu", normal(3, 4) * 6, **attrs)
    for approximate in (False, True):
        yield case("gelu", normal(3, 4) * 2, approximate=approximate)
    for alpha in (1.0, 0.3):
        yield case("elu", normal(3, 4), alpha=alpha)
        yield case("celu", normal(3, 4), alpha=alpha)
    yield case("hard_sigmoid", normal(3, 4) * 3, alpha=0.2, beta=0.5)
    yield case("squareplus", normal(3, 4), b=2.0)
    yield case("threshold", normal(3, 4), threshold=0.3, value=2.0)
    for axes in ((-1,), (0,), (1, 2)):
        yield case("softmax", normal(2, 3, 4), axes=axes)
        yield case("log_softmax", normal(2, 3, 4), axes=axes)
    for axis in (-1, 1):
        yield case("sparsemax", normal(2, 4, 3), axis=axis)
        yield case("glu", normal(2, 4, 6), axis=axis)
    yield case("prelu", normal(2, 3, 4), positive(4))
    yield case("prelu", normal(2, 3, 4), positive(3, 1))


def reductions() -> Iterator[GradientCase]:
    for name in ("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod"):
        yield case(name, normal(2, 3, 4), axes=(1,))
        yield case(name, normal(2, 3, 4), axes=(0, -1))
        yield case(name, normal(2, 3, 4), axes=(2, 0), keepdims=True)
        yield case(name, normal(2, 3), axes=(0, 1))
        yield case(name, normal(2, 3), axes=())
    for axes in ((0,), (-1,), (0, 2)):
        yield case("moments", normal(2, 3, 4), axes=axes)
        yield case("moments", normal(2, 3, 4), axes=axes, keepdims=True)
    yield case("sum_like", normal(4, 2, 3), normal(2, 1), fixed=(1,))


def shapes() -> Iterator[GradientCase]:
    yield case("reshape", normal(2, 3, 4), shape=(-2, -1))
    yield case("reshape_like", normal(2, 6), normal(3, 4), fixed=(1,))
    yield case("transpose", normal(2, 3, 4), perm=(2, 0, 1))
    yield case("concat", normal(2, 3), normal(2, 1), normal(2, 2), axis=-1)
    yield case("concat", normal(2, 3), normal(4, 3), axis=0)
    yield case("concat_gradient", normal(6, 2), normal(2, 2), normal(4, 2), axis=0, fixed=(1, 2))
    for axis in (0, 1, -1):
        yield case("repeat", normal(2, 3, 4), axis=axis, count=3)
    yield case("expand_dims", normal(2, 3), axes=(0, -1))
    yield case("squeeze", normal(1, 2, 1, 3), axes=(0, -2))
    yield case("pad", normal(2, 3), pads=((1, 2), (0, 1)), value=3.0)
    yield case("pad", normal(4, 5), pads=((-1, 2), (-2, -1)))
    for mode in ("reflect", "symmetric", "edge"):
        yield case("pad", normal(4, 3), pads=((1, 2), (2, 0)), mode=mode)
        yield case("pad_gradient", normal(7, 5), pads=((1, 2), (2, 0)), mode=mode)
    for bounds in ((1, 4, 1), (None, -1, 1), (None, None, -1), (1, None, 2), (4, 1, -2), (2, 1, 1)):
        start, stop, step = bounds
        yield case("slice", normal(5, 3), starts=(start,), stops=(stop,), steps=(step,), axes=(0,))
    yield case("slice", normal(5, 3), starts=(1, 0), stops=(3, 2), steps=(1, 1), axes=(-2, -1))
    yield case(
        "slice_gradient", normal(2, 3), normal(5, 3), starts=(1,), stops=(None,), steps=(2,), axes=(0,), fixed=(1,)
    )
    yield case("broadcast_to", normal(3, 1), shape=(2, 3, 4))
    yield case("broadcast_like", normal(3, 1), normal(2, 3, 4), fixed=(1,))
    yield case("tile", normal(2, 3, 2), repeats=(2, 1, 3))
    yield case("fold_time", normal(2, 3, 4))
    yield case("unfold_time", normal(6, 4), normal(2, 3), fixed=(1,))


def products() -> Iterator[GradientCase]:
    yield case("dense", normal(2, 3), normal(3, 4), normal(4))
    yield case("dense", normal(2, 5, 3), normal(3, 4), None)
    yield case("dense", normal(3), normal(3, 4), normal(4))
    for a in (False, True):
        for b in (False, True):
            x, y = (normal(4, 3) if a else normal(3, 4)), (normal(2, 4) if b else normal(4, 2))
            yield case("matmul", x, y, transpose_a=a, transpose_b=b)
            yield case("matmul", x + normal(5, 1, 1), y, transpose_a=a, transpose_b=b)
            stacked = y + normal(2, 1, 1, 1)
            yield case("matmul", x + normal(5, 1, 1), stacked, transpose_a=a, transpose_b=b)
    yield case("matmul", normal(3), normal(3))
    yield case("matmul", normal(3), normal(2, 3, 4))
    yield case("matmul", normal(2, 4, 3), normal(3))
    yield case("einsum", normal(2, 3), normal(3, 4), equation="ij,jk->ki")
    yield case("einsum", normal(2, 3, 4), equation="ijk->j")
    yield case("einsum", normal(3, 2, 3), normal(3, 2), equation="aba,ab->b")
    yield case("einsum", normal(3, 3, 3), equation="aaa->")
    yield case("einsum", normal(2, 3), normal(2, 4), normal(3), equation="ij,ik,j->i")


def windows() -> Iterator[GradientCase]:
    for layout in ("channels_last", "channels_first"):
        yield from convolutions(layout)
        yield from pools(layout)


def image(layout: str, sizes: tuple[int, ...], channels: int, batch: int = 2) -> np.ndarray:
    middle = (*sizes, channels) if layout == "channels_last" else (channels, *sizes)
    return normal(batch, *middle)


def convolutions(layout: str) -> Iterator[GradientCase]:
    for sizes, kernel, channels, filters, attrs in (
        ((7,), (3,), 2, 3, {}),
        ((7,), (3,), 2, 3, {"strides": (2,), "pads": "same"}),
        ((8,), (2,), 2, 3, {"strides": (3,)}),
        ((9,), (3,), 2, 2, {"dilations": (2,), "pads": "same", "groups": 2}),
        ((5, 6), (3, 2), 2, 2, {"strides": (2, 1), "pads": "same_lower"}),
        ((5, 6), (3, 2), 4, 6, {"groups": 2, "pads": ((1, 0), (0, 2))}),
        ((5, 5), (2, 3), 3, 6, {"groups": 3, "strides": (1, 2), "dilations": (2, 1)}),
        ((6, 5), (3, 2), 2, 2, {"pads": ((-1, 0), (1, 1)), "strides": (2, 2)}),
        ((3, 4, 3), (2, 2, 2), 1, 2, {"strides": (1, 2, 1), "pads": "same"}),
    ):
        rank = len(sizes)
        ones = (1,) * rank
        options = {"strides": ones, "dilations": ones, **attrs}
        weights = normal(*kernel, channels // options.get("groups", 1), filters)
        yield case("conv", image(layout, sizes, channels), weights, normal(filters), layout=layout, **options)
        yield case("conv", image(layout, sizes, channels), weights, layout=layout, **options)
    for sizes, kernel, channels, filters, attrs in (
        ((4,), (3,), 2, 3, {}),
        ((4,), (3,), 2, 4, {"strides": (2,), "groups": 2, "pads": ((1, 0),)}),
        ((4,), (2,), 2, 2, {"strides": (2,), "output_padding": (1,)}),
        ((3,), (2,), 2, 2, {"strides": (2,), "output_padding": (3,)}),
        ((3, 2), (3, 2), 2, 2, {"strides": (2, 1), "dilations": (1, 2), "pads": ((-1, 2), (0, 1))}),
        ((2, 2, 2), (2, 1, 2), 1, 2, {"strides": (1, 2, 1)}),
    ):
        rank = len(sizes)
        options = {"strides": (1,) * rank, "dilations": (1,) * rank, "output_padding": (0,) * rank, **attrs}
        options.setdefault("pads", ((0, 0),) * rank)
        weights = normal(*kernel, filters // options.get("groups", 1), channels)
        yield case("conv_transpose", image(layout, sizes, channels), weights, normal(filters), layout=layout, **options)
    strided = {"strides": (2, 1), "pads": "same", "dilations": (1, 1), "layout": layout}
    yield case(
        "conv_kernel_gradient",
        image(layout, (4, 3), 2),
        image(layout, (2, 3), 4),
        window=(3, 2),
        groups=2,
        **strided,
    )
    yield case(
        "conv_input_gradient",
        image(layout, (2, 3), 4),
        normal(3, 2, 1, 4),
        image(layout, (4, 3), 2),
        groups=2,
        fixed=(2,),
        **strided,
    )


def pools(layout: str) -> Iterator[GradientCase]:
    for sizes, attrs in (
        ((7,), {"window": (2,), "strides": (2,)}),
        ((7,), {"window": (3,), "strides": (2,), "pads": "same"}),
        ((5, 4), {"window": (2, 3), "strides": (1, 2), "pads": ((1, 0), (0, 2))}),
        ((5, 6), {"window": (2, 2), "strides": (1, 1), "dilations": (2, 1), "pads": "same_lower"}),
        ((3, 4, 3), {"window": (2, 2, 2), "strides": (1, 2, 1)}),
    ):
        x = image(layout, sizes, 2)
        yield case("max_pool", x, layout=layout, **attrs)
        for count_padding in (False, True):
            yield case("avg_pool", x, layout=layout, count_padding=count_padding, **attrs)
    for sizes, output_size in (((7,), (3,)), ((3,), (5,)), ((5, 4), (2, 3)), ((3, 4, 2), (2, 2, 1))):
        for name in ("adaptive_max_pool", "adaptive_avg_pool"):
            yield case(name, image(layout, sizes, 2), output_size=output_size, layout=layout)
    pooled = {"window": (2,), "strides": (2,), "layout": layout}
    yield case("avg_pool_gradient", image(layout, (3,), 2), image(layout, (7,), 2), fixed=(1,), **pooled)
    yield case(
        "adaptive_avg_pool_gradient",
        image(layout, (3,), 2),
        image(layout, (7,), 2),
        fixed=(1,),
        output_size=(3,),
        layout=layout,
    )


def losses() -> Iterator[GradientCase]:
    shares = np.exp(normal(2, 4))
    yield case("softmax_cross_entropy", shares / shares.sum(axis=-1, keepdims=True), normal(2, 4))
    yield case("softmax_cross_entropy", shares / shares.sum(axis=0, keepdims=True), normal(2, 4), axis=0)
    yield case("sparse_softmax_cross_entropy", np.array([2, 0], np.int32), normal(2, 4))
    yield case("sparse_softmax_cross_entropy", np.array([[2, 0, 1]]), normal(1, 3, 4))
    labels = np.array([[1, 2, 1, 0], [3, 3, 0, 0]], np.int32)
    yield case("ctc_loss", labels, normal(2, 6, 4), np.array([3, 2], np.int32))
    yield case("sigmoid_cross_entropy", small(2, 3) ** 2, normal(2, 3) * 4)
    yield case("sigmoid_cross_entropy", small(3) ** 2, normal(2, 3) * 4)


def norms() -> Iterator[GradientCase]:
    for axis in (-1, 1):
        size = (2, 3, 4)[axis]
        vectors = [normal(size), positive(size), normal(size) + 0.1, normal(size) - 0.1]
        yield case("batch_norm", normal(2, 3, 4), *vectors, axis=axis)
        yield case("batch_norm", normal(2, 3, 4), *vectors[:2], axis=axis, epsilon=0.1)
        yield case("group_norm", normal(2, 4, 3, 4), normal(4), positive(4), groups=2, axis=axis)
        yield case("group_norm", normal(2, 4, 3, 4), groups=4, axis=axis)
    for axes in ((-1,), (1, 2), (0, 1)):
        yield case("layer_norm", normal(2, 3, 4), axes=axes)
        yield case("layer_norm", normal(2, 3, 4), normal(3, 4), normal(4), axes=axes, epsilon=0.1)
        yield case("rms_norm", normal(2, 3, 4), axes=axes)
        yield case("rms_norm", normal(2, 3, 4), positive(3, 1), axes=axes)
        yield case("l2_normalize", normal(2, 3, 4), axes=axes)
    yield case("l2_normalize", normal(2, 3), axes=(1,), epsilon=100.0)


def indexing() -> Iterator[GradientCase]:
    places = np.array([[2, 0], [2, 1]])
    for axis in (0, 1, -1):
        yield case("gather", normal(3, 4, 3), places, axis=axis)
        yield case("gather_gradient", normal(2, 2, 4), places, normal(3, 4), axis=0, fixed=(2,))
    yield case("gather_elements", normal(2, 3), np.array([[2, 2, 0, 1], [0, 0, 1, 0]]), axis=1)
    yield case("gather_nd", normal(3, 4, 2), np.array([[2, -1], [0, 1], [2, -1]]))
    yield case("gather_nd", normal(2, 4, 2), np.array([[[3], [3]], [[0], [1]]]), batch_dims=1)
    yield case("gather_nd_gradient", normal(3, 2), np.array([[2], [0], [2]]), normal(4, 2), fixed=(2,))
    for reduction in ("none", "add", "max", "min"):
        yield case("scatter_nd", normal(4, 3), np.array([[2], [-4]]), normal(2, 3) + 0.3, reduction=reduction)
        at = np.array([[1, 0, -1]])
        yield case("scatter_elements", normal(4, 3), at, normal(1, 3) + 0.3, axis=0, reduction=reduction)
    yield case("scatter_nd", normal(4, 3), np.array([[2], [2]]), normal(2, 3) + 0.3, reduction="add")
    at = np.array([[1, 1], [0, 2]])
    yield case("scatter_elements", normal(2, 3), at, normal(2, 2) + 0.3, axis=1, reduction="add")
    yield case("scatter_nd", normal(4), np.array([[2], [2]]), normal(2), reduction="mul", fixed=(2,))
    for exclusive in (False, True):
        for reverse in (False, True):
            yield case("cumsum", normal(3, 4), axis=1, exclusive=exclusive, reverse=reverse)
            yield case("cumprod", normal(3, 4), axis=0, exclusive=exclusive, reverse=reverse)
    yield case("top_k", normal(2, 5), k=3)


def images() -> Iterator[GradientCase]:
    for attrs in (
        {"method": "nearest", "scales": (2, 3)},
        {"method": "bilinear", "sizes": (7, 3)},
        {"method": "bilinear", "sizes": (2, 9), "coordinates": "align_corners"},
        {"method": "bicubic", "sizes": (3, 6), "antialias": True},
        {"method": "area", "sizes": (2, 3)},
    ):
        yield case("resize", normal(2, 4, 5, 1), axes=(1, 2), **attrs)
    yield case(
        "resize_gradient", normal(2, 7, 1), normal(2, 4, 1), axes=(1,), sizes=(7,), method="bilinear", fixed=(1,)
    )
    places, weights = np.array([[0, 1], [1, 1], [3, 0]]), normal(3, 2)
    yield case("resample", normal(2, 4, 2), places, weights, axis=1, fixed=(2,))
    yield case("resample_gradient", normal(2, 3, 2), places, weights, normal(2, 4, 2), axis=1, fixed=(2, 3))
    for height, width in ((2, 3), (3, 2)):
        for central in (False, True):
            yield case("crop_to_ratio", normal(2, 5, 6, 1), axes=(1, 2), height=height, width=width, central=central)
        yield case("pad_to_ratio", normal(2, 5, 6, 1), axes=(1, 2), height=height, width=width, value=3.0)
    yield case("middle", normal(5, 4), normal(2, 2), axes=(0, 1), fixed=(1,))
    yield case("surround", normal(2, 3), normal(5, 3), axes=(0,), fixed=(1,))
    for column_major in (False, True):
        window = {"window": (2, 2), "strides": (1, 2), "pads": ((0, 1), (0, 0)), "dilations": (1, 1)}
        yield case("max_pool_places", normal(2, 2, 3, 4), column_major=column_major, **window)
    for layout in ("channels_last", "channels_first"):
        options = {"window": (2, 2), "strides": (1, 2), "pads": "same", "layout": layout}
        x, w = image(layout, (3, 4), 2), normal(6, 8, 3)
        yield case("local_conv", x, w, **options)
        dy = image(layout, (3, 2), 3)
        yield case("local_conv_kernel_gradient", x, dy, **options)
        yield case("local_conv_input_gradient", dy, w, x, **options, fixed=(2,))
    for length in (4, 5):
        yield case("stft", normal(2, 13), positive(length), step=2, fixed=(1,))


def attentions() -> Iterator[GradientCase]:
    q, k, v = normal(2, 3, 4, 2), normal(2, 5, 4, 2) + 0.1, normal(2, 5, 4, 3)
    mask = np.array([[1, 1, 0, 1, 1], [0, 0, 0, 0, 0]], bool).reshape(2, 1, 1, 5)
    late = np.array([[0, 1, 1, 1, 1], [1, 1, 1, 1, 1]], bool).reshape(2, 1, 1, 5)
    for with_weights in (False, True):
        yield case("attention", q, k, v, scale=0.7, with_weights=with_weights)
        yield case("attention", q, k, v, mask, scale=0.7, with_weights=with_weights)
        yield case("attention", q, k, v, mask, scale=0.7, zero_masked=True, with_weights=with_weights)
        yield case("attention", q, k, v, late, scale=0.7, causal=True, with_weights=with_weights)
    yield case("attention", q, k, v, late, scale=0.7, causal=True, zero_masked=True)
    yield case("attention", q, k, v, scale=0.7, window=2)
    yield case("attention", q, k, v, late, scale=0.7, lowered=True)
    yield case("attention", k, q, v[:, :3], scale=0.7, window=2)
    yield case("attention", q, k[:, :, :2], v[:, :, 2:], scale=0.7, causal=True)


def recurrences() -> Iterator[GradientCase]:
    mask = np.array([[0, 1, 0, 1], [1, 1, 0, 0]], bool)
    x = normal(2, 4, 3)
    options: list[tuple[Any, dict[str, Any]]] = [
        (None, {}),
        (None, {"go_backwards": True}),
        (mask, {}),
        (mask, {"zero_masked": True}),
        (mask, {"go_backwards": True, "activation": "softplus"}),
    ]
    for name, gates, states in (("simple_rnn", 1, 1), ("lstm", 4, 2), ("gru", 3, 1)):
        w, u = normal(3, 2 * gates), normal(2, 2 * gates) + 0.1
        first = [normal(2, 2), normal(2, 2) + 0.2][:states]
        for reset_after in (False, True) if name == "gru" else (None,):
            bias = normal(*((2,) if reset_after else ()), 2 * gates)
            extra = {} if reset_after is None else {"reset_after": reset_after}
            for given, attrs in options:
                yield case(name, x, w, u, bias, *first, given, **attrs, **extra)
            yield case(name, x, w, u, None, *[None] * states, mask, **extra)
            yield case(name, x, w, u, None, *first, None, activation="softmax", **extra)
    yield case("lstm", x, normal(3, 8), normal(2, 8), recurrent_activation="softsign", activation="linear")
    yield case("gru", x, normal(3, 6), normal(2, 6), recurrent_activation="silu", activation="elu")
    yield from convolutional_recurrences(mask)


def convolutional_recurrences(mask: np.ndarray) -> Iterator[GradientCase]:
    for layout in ("channels_last", "channels_first"):
        for sizes, kernel, attrs in (
            ((3,), (2,), {"pads": "same"}),
            ((5,), (3,), {"strides": (2,), "go_backwards": True}),
            ((3, 2), (2, 2), {"pads": "same", "zero_masked": True}),
        ):
            ones = (1,) * len(sizes)
            options = {"strides": ones, "dilations": ones, "layout": layout, **attrs}
            frames = [image(layout, sizes, 2) + shift for shift in (0.0, 0.1, 0.2, 0.3)]
            x = np.stack(frames, axis=1)
            w, u = normal(*kernel, 2, 8), normal(*kernel, 2, 8) + 0.1
            yield case("conv_lstm", x, w, u, normal(8), None, None, mask, **options)
            yield case("conv_lstm", x, w, u, **options)
            yield case("conv_lstm", x, w, u, activation="softmax", **options)
    state = normal(2, 3, 2)
    yield case(
        "conv_lstm",
        np.stack([state] * 4, axis=1),
        normal(2, 2, 8),
        normal(2, 2, 8) + 0.1,
        None,
        state,
        state + 0.2,
        pads="same",
        strides=(1,),
        dilations=(1,),
    )
