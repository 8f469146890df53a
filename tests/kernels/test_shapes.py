"""Kernels that are chosen by shape: transposes of few and of many rows, windows over few and many channels, few
filters, taps that meet nothing but padding; against the operators' meanings, on one thread and on two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_checks import LANES, check, random

every_width = pytest.mark.parametrize("lanes", LANES)


@every_width
@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        ((2, 3, 9, 13), (0, 2, 3, 1)),
        ((2, 9, 13, 3), (0, 3, 1, 2)),
        ((1, 8, 67), (0, 2, 1)),
        ((3, 67, 5), (0, 2, 1)),
        ((37, 50), (1, 0)),
        ((2, 33, 4, 21), (0, 2, 3, 1)),
        ((2, 3, 19, 4, 18), (1, 4, 3, 2, 0)),
        ((2, 17, 3, 4), (0, 2, 1, 3)),
    ],
)
def test_transposes(shape: tuple[int, ...], perm: tuple[int, ...], lanes: int) -> None:
    assert "transpose" in check(lambda b, x: b.transpose(x, perm=perm), random(0, *shape), lanes=lanes)


@every_width
@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge"])
def test_pads_with_own_elements(mode: str, lanes: int) -> None:
    pads = ((0, 0), (2, 1), (0, 3), (0, 0))
    check(lambda b, x: b.pad(x, pads=pads, mode=mode), random(0, 2, 4, 5, 3), lanes=lanes)


@every_width
@pytest.mark.parametrize("op", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("channels", [3, 16, 21])
def test_pools(op: str, channels: int, lanes: int) -> None:
    x = random(1, 2, 11, 9, channels)
    x[0, 3, 4, 1], x[1, 2, 2, 2] = np.nan, np.inf
    settings: list[dict[str, Any]] = [
        {"window": (2, 2), "strides": (2, 2), "pads": "valid"},
        {"window": (5, 3), "strides": (1, 2), "pads": ((2, 2), (1, 1))},
        {"window": (3, 3), "strides": (1, 1), "pads": ((2, 2), (2, 2)), "dilations": (2, 2)},
    ]
    for setting in settings if op == "max_pool" else settings[:2]:
        check(lambda b, x, setting=setting: getattr(b, op)(x, **setting), x, lanes=lanes)


@every_width
@pytest.mark.parametrize("filters", [1, 2, 3, 4])
@pytest.mark.parametrize(("channels", "size"), [(16, 3), (5, 5), (37, 1), (24, 7)])
def test_convolutions_of_few_filters(channels: int, size: int, filters: int, lanes: int) -> None:
    w, bias = random(1, size, size, channels, filters, scale=0.1), random(2, filters)

    def build(b: Any, x: Any, other: Any) -> Any:
        return b.relu(b.add(b.conv(x, w, bias, strides=(2, 1), dilations=(1, 1), pads="same"), other))

    labels = check(build, random(0, 2, 9, 7, channels), random(3, 2, 5, 7, filters), lanes=lanes)
    assert ("of few filters" in labels) == (filters < lanes and 2 * channels * size >= lanes)


@every_width
@pytest.mark.parametrize(("size", "left"), [(6, "1x1"), (9, "3x3")])
def test_taps_that_meet_padding_alone_are_left_out(size: int, left: str, lanes: int) -> None:
    w = random(1, 3, 3, 7, 20)

    def build(b: Any, x: Any) -> Any:
        return b.conv(x, w, pads=((8, 8), (8, 8)), strides=(1, 1), dilations=(8, 8))

    assert f"conv {left} " in check(build, random(0, 2, size, size, 7), lanes=lanes)


@every_width
def test_a_tap_on_one_side_alone_is_left_out(lanes: int) -> None:
    w = random(1, 3, 2, 4, 20)

    def build(b: Any, x: Any) -> Any:
        return b.conv(x, w, strides=(3, 1), dilations=(1, 1), pads=((1, 1), (0, 0)))

    assert "conv 2x2 " in check(build, random(0, 1, 2, 5, 4), lanes=lanes)


@every_width
@pytest.mark.parametrize("images", [1, 6])
def test_windows_as_large_as_images_are_products(images: int, lanes: int) -> None:
    w, bias = random(1, 4, 5, 6, 20, scale=0.2), random(2, 20)
    labels = check(
        lambda b, x: b.conv(x, w, bias, strides=(1, 1), dilations=(1, 1)), random(0, images, 4, 5, 6), lanes=lanes
    )
    assert ("gemv" in labels) == (images == 1)


@every_width
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("filters", [5, 21])
@pytest.mark.parametrize(
    ("size", "stride", "dilation", "low"), [(4, 2, 1, 1), (3, 2, 1, 0), (5, 3, 1, 2), (3, 2, 2, 1), (2, 3, 1, 0)]
)
def test_transposed_convolutions(
    size: int, stride: int, dilation: int, low: int, filters: int, groups: int, lanes: int
) -> None:
    w, bias = random(1, size, size, filters, 6, scale=0.3), random(2, filters * groups)
    pairs = {"strides": (stride,) * 2, "dilations": (dilation,) * 2, "output_padding": (0, 0)}
    settings = {**pairs, "pads": ((low, low), (-1, low)), "groups": groups}
    check(lambda b, x: b.conv_transpose(x, w, bias, **settings), random(0, 2, 5, 4, 6), lanes=lanes)


@every_width
def test_transposed_convolutions_in_three_axes(lanes: int) -> None:
    w, bias = random(1, 3, 2, 4, 17, 6, scale=0.3), random(2, 17)
    settings = {"strides": (2, 1, 4), "dilations": (1, 2, 2), "output_padding": (1, 0, 0), "pads": ((1, 0),) * 3}
    check(lambda b, x: b.conv_transpose(x, w, bias, **settings), random(0, 2, 3, 4, 5, 6), lanes=lanes)


@every_width
@pytest.mark.parametrize("images", [1, 4])
def test_transposed_convolutions_of_one_pixel_are_products(images: int, lanes: int) -> None:
    w, bias = random(1, 4, 3, 5, 18, scale=0.3), random(2, 5)
    settings = {"strides": (1, 1), "dilations": (1, 1), "output_padding": (0, 0), "pads": ((0, 0),) * 2}
    labels = check(lambda b, x: b.conv_transpose(x, w, bias, **settings), random(0, images, 1, 1, 18), lanes=lanes)
    assert "collect" not in labels


@pytest.mark.parametrize("k", [1, 4, 9])
def test_the_largest_of_equals_and_of_odd_numbers(k: int) -> None:
    x = np.round(random(0, 3, 9))
    x[1, 4], x[2, 1:3] = np.nan, -np.inf
    check(lambda b, x: b.top_k(x, k=k), x, lanes=16)


@pytest.mark.parametrize("op", ["cumsum", "cumprod"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scans(op: str, axis: int) -> None:
    for exclusive in (False, True):
        for reverse in (False, True):
            settings = {"axis": axis, "exclusive": exclusive, "reverse": reverse}
            check(lambda b, x, settings=settings: getattr(b, op)(x, **settings), random(0, 3, 5, 7), lanes=16)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_integers_are_chosen_and_compared(dtype: str) -> None:
    x = np.arange(-6, 6, dtype=dtype).reshape(3, 4)
    check(lambda b, x: b.where(b.less(x, 0), b.add(x, 9), x), x, lanes=16)
    check(lambda b, x: b.where(b.less(x, 0), b.constant(7, dtype), b.minimum(x, b.maximum(x, 2))), x, lanes=16)


@pytest.mark.parametrize(
    ("axes", "weights"), [((1, 2), (1, 1, 1, 5)), ((2, 3), (3, 1, 1)), ((3,), (4, 1)), ((2,), (1,))]
)
def test_weights_of_own_norms_along_other_axes(axes: tuple[int, ...], weights: tuple[int, ...]) -> None:
    gamma, beta = random(1, *weights), random(2, *weights)
    check(lambda b, x: b.layer_norm(x, gamma, beta, axes=axes), random(0, 2, 3, 4, 5), lanes=16)
    check(lambda b, x: b.rms_norm(x, gamma, axes=axes), random(0, 2, 3, 4, 5), lanes=16)


@pytest.mark.parametrize("divisor", [5, -3, -1, 0])
def test_remainders_of_integers(divisor: int) -> None:
    x = np.array([-(2**31), -7, -5, 0, 4, 2**31 - 1], np.int32)
    with np.errstate(divide="ignore"):
        check(lambda b, x: b.mod(x, divisor), x, lanes=16)


@every_width
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_depthwise_convolutions_of_few_channels(channels: int, lanes: int) -> None:
    w, bias = random(1, 3, 5, 1, channels), random(2, channels)
    settings = {"strides": (2, 1), "dilations": (1, 2), "pads": ((1, 1), (4, 3)), "groups": channels}

    def build(b: Any, x: Any, other: Any) -> Any:
        return b.relu(b.add(b.conv(x, w, bias, **settings), other))

    check(build, random(0, 2, 9, 7, channels), random(3, 2, 5, 6, channels), lanes=lanes)
