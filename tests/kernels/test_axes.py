"""Kernels that work along axes: reductions, places, softmax, resampling; against the operators' meanings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_checks import LANES, check, random

every_width = pytest.mark.parametrize("lanes", LANES)

ODD = {"nothing": {}, "NaN": {3: np.nan, 40: np.nan}, "infinities": {0: np.inf, 5: -np.inf, 33: np.inf}}


@every_width
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("op", ["reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod"])
def test_reductions(op: str, odd: str, lanes: int) -> None:
    for shape, axes in [((3, 70), (1,)), ((4, 5), (1,)), ((1, 90), (1,)), ((2, 11, 150), (1,)), ((9, 21), (0,))]:
        x = random(1, *shape)
        for place, value in ODD[odd].items():
            x.flat[place % x.size] = value
        check(lambda b, x, axes=axes: getattr(b, op)(x, axes=axes), x, lanes=lanes)


@every_width
@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("op", ["argmax", "argmin"])
def test_places_of_the_largest(op: str, odd: str, lanes: int) -> None:
    for shape, axis in [((3, 70), 1), ((4, 5), 1), ((2, 11, 150), 1), ((9, 21), 0)]:
        x = np.round(random(1, *shape) * 4)
        for place, value in ODD[odd].items():
            x.flat[place % x.size] = value
        check(lambda b, x, axis=axis: getattr(b, op)(x, axis=axis, keepdims=False), x, lanes=lanes)


@every_width
@pytest.mark.parametrize("length", [1, 5, 16, 17, 77, 300])
def test_softmax_of_rows(length: int, lanes: int) -> None:
    x = random(0, 37, length, scale=9.0)
    x[3, 0], x[4, length // 2], x[5] = np.nan, -np.inf, -np.inf
    with np.errstate(invalid="ignore"):
        check(lambda b, x: b.softmax(x, axes=(1,)), x, lanes=lanes)
        check(lambda b, x: b.log_softmax(x, axes=(1,)), x, lanes=lanes)


@every_width
@pytest.mark.parametrize(
    ("shape", "axes", "sizes", "method", "label"),
    [
        ((2, 3, 17, 19), (2, 3), (34, 57), "nearest", "nearest 2x3"),
        ((3, 5, 6), (1, 2), (15, 12), "nearest", "nearest 3x2"),
        ((2, 3, 7, 9), (2, 3), (5, 13), "nearest", "nearest of 63 to 65"),
        ((9, 5), (0,), (4,), "nearest", "nearest of 45 to 20"),
        ((2, 8, 9, 3), (1, 2), (13, 5), "bilinear", "bilinear 9 to 5"),
        ((3, 7, 9), (1, 2), (13, 15), "bicubic", "bicubic 9 to 15"),
    ],
)
def test_resize_of_few_channels(
    shape: tuple[int, ...], axes: tuple[int, ...], sizes: tuple[int, ...], method: str, label: str, lanes: int
) -> None:
    def build(b: Any, x: Any) -> Any:
        return b.resize(x, axes=axes, sizes=sizes, method=method, coordinates="half_pixel")

    assert lanes < 16 or label in check(build, random(0, *shape), lanes=lanes)


@pytest.mark.parametrize("axis", [1, 2])
@pytest.mark.parametrize("taps", [1, 3, 6])
def test_resample(axis: int, taps: int) -> None:
    x = random(0, 3, 9, 11)
    places = np.random.default_rng(0).integers(0, x.shape[axis], (7, taps))
    check(lambda b, x: b.resample(x, places, random(1, 7, taps), axis=axis), x, lanes=16)


def test_gather_of_known_places() -> None:
    places = np.random.default_rng(0).integers(0, 9, (4, 5))
    assert "take 20 of 9" in check(lambda b, x: b.gather(x, places, axis=2), random(0, 7, 2, 9), lanes=16)


PLANES: list[tuple[tuple[int, ...], dict[str, Any]]] = [
    ((2, 3, 11, 37), {"window": (3, 3), "strides": (1, 1), "pads": ((1, 1), (1, 1))}),
    ((1, 2, 9, 70), {"window": (2, 2), "strides": (2, 2), "pads": "valid"}),
    ((3, 1, 8, 9), {"window": (3, 3), "strides": (2, 3), "pads": "same"}),
    ((2, 3, 12, 13), {"window": (7, 5), "strides": (1, 4), "pads": ((3, 3), (2, 1))}),
    ((2, 3, 12, 13), {"window": (2, 3), "strides": (1, 1), "pads": ((2, 2), (1, 1)), "dilations": (3, 2)}),
    ((2, 3, 6, 7), {"window": (6, 7), "strides": (1, 1), "pads": "valid"}),
    ((2, 3, 9001), {"window": (3,), "strides": (2,), "pads": ((1, 1),)}),
    ((2, 3, 6, 9, 10), {"window": (3, 2, 2), "strides": (2, 2, 2), "pads": ((1, 1), (0, 0), (1, 0))}),
]


@every_width
@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize(("shape", "setting"), PLANES)
def test_pools_of_either_layout(shape: tuple[int, ...], setting: dict[str, Any], layout: str, lanes: int) -> None:
    x = random(2, *shape)
    x.flat[7], x.flat[x.size // 2] = np.nan, -np.inf
    if layout == "channels_last":
        x = np.ascontiguousarray(np.moveaxis(x, 1, -1))
    labels = check(lambda b, x: b.max_pool(x, layout=layout, **setting), x, lanes=lanes)
    assert "transpose" not in labels
    if "dilations" not in setting:
        for counts in (False, True):
            check(lambda b, x, c=counts: b.avg_pool(x, layout=layout, count_padding=c, **setting), x, lanes=lanes)


def test_pools_of_what_is_turned_anyway() -> None:
    w = random(1, 3, 3, 4, 5)

    def build(b: Any, x: Any) -> Any:
        pooled = b.max_pool(x, window=(2, 2), strides=(2, 2), layout="channels_first")
        return b.conv(pooled, w, strides=(1, 1), dilations=(1, 1), layout="channels_first")

    assert check(build, random(0, 2, 4, 12, 12), lanes=16).split()[0] == "transpose"


BROADCASTS: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
    ((3, 4, 5), (3, 4, 5)),
    ((3, 4, 5), ()),
    ((), (7,)),
    ((3, 1, 5), (4, 1)),
    ((2, 3, 1), (1, 6)),
    ((2, 1, 3, 1, 4), (5, 1, 3, 1)),
]


@pytest.mark.parametrize(("one", "other"), BROADCASTS)
@pytest.mark.parametrize("dtype", ["int32", "int64", "float64"])
def test_arithmetic_of_other_numbers(dtype: str, one: tuple[int, ...], other: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x, z = (rng.integers(-4, 5, shape).astype(dtype) for shape in (one, other))
    names = ["sub", "mul", "div"] if dtype == "float64" else ["add", "mul", "maximum", "mod"]
    z = z + (9.5 if dtype == "float64" else 0)
    check(lambda b, x, z: [getattr(b, name)(x, z) for name in (*names, "less", "equal")], x, z, lanes=16)


@pytest.mark.parametrize("dtype", ["int32", "int64", "int8", "uint8"])
def test_numbers_cut_off_to_whole_ones(dtype: str) -> None:
    x = np.array([0.5, -0.5, 1.9, -1.9, 127.7, 200.2, 300.0, -3.0, 3e9, -3e9, 7e9], np.float32)
    check(lambda b, x: b.float_to_int(x, dtype=dtype), x, lanes=16)


@pytest.mark.parametrize("op", ["cumsum", "cumprod"])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("reverse", [False, True])
def test_scans(op: str, exclusive: bool, reverse: bool) -> None:
    for shape, axis in [((3, 9), 1), ((9, 20), 0), ((3, 7, 20), 1)]:
        x = random(1, *shape)
        check(lambda b, x, a=axis: getattr(b, op)(x, axis=a, exclusive=exclusive, reverse=reverse), x, lanes=16)


@pytest.mark.parametrize(("one", "other"), [((6, 1, 3), (1, 50, 3)), ((6, 1, 32, 1), (1, 7, 1, 32)), ((70, 5), (5,))])
def test_short_axes_that_repeat(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    check(lambda b, x, z: b.add(b.mul(x, z), x), random(0, *one), random(1, *other), lanes=16)


@pytest.mark.parametrize(("length", "k"), [(1, 1), (9, 9), (40, 3), (300, 70), (1000, 999)])
def test_the_largest_in_order(length: int, k: int) -> None:
    for scale in (1.0, 40.0):
        x = np.round(random(3, 5, length) * scale)
        x[1, length // 3], x[2], x[3, -1] = np.nan, x[2, 0], np.inf
        check(lambda b, x: b.top_k(x, k=k), x, lanes=16)
