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
    groups = (arithmetic, activations, reductions, shapes, products, windows, losses)
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
    yield case("sigmoid_cross_entropy", small(2, 3) ** 2, normal(2, 3) * 4)
    yield case("sigmoid_cross_entropy", small(3) ** 2, normal(2, 3) * 4)
