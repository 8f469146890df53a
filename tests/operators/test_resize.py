"""The resize card against tf.image.resize and tf.compat.v1.image of TensorFlow 2.21."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kcompat.operators  # noqa: F401 - enters the cards
from kcompat.errors import DtypeError, KcompatError
from kcompat.ir import Builder
from kcompat.ir.types import type_of
from kcompat.operators.resize import interpolation_matrix, interpolation_taps
from kcompat.reference import evaluate

X = np.array([1.0, 4.0, -2.0, 0.5], np.float32)

HALF_PIXEL: list[tuple[str, bool, int, list[float]]] = [
    ("nearest", False, 6, [1.0, 4.0, 4.0, -2.0, 0.5, 0.5]),
    ("nearest", False, 10, [1.0, 1.0, 4.0, 4.0, 4.0, -2.0, -2.0, 0.5, 0.5, 0.5]),
    ("nearest", False, 3, [1.0, -2.0, 0.5]),
    ("bilinear", False, 6, [1.0, 2.5, 3.0, -1.0, -0.75, 0.5]),
    ("bilinear", False, 10, [1.0, 1.3, 2.5, 3.7, 2.2, -0.2, -1.75, -0.75, 0.25, 0.5]),
    ("bilinear", False, 3, [1.5, 1.0, 0.083334]),
    ("bicubic", False, 6, [0.802333, 2.764706, 3.420764, -1.385988, -1.029412, 0.664722]),
    (
        "bicubic",
        False,
        10,
        [
            *[0.702946, 1.209443, 2.764706, 4.037594, 2.595134],
            *[-0.542654, -2.071526, -1.029412, 0.321171, 0.747545],
        ],
    ),
    ("bicubic", False, 3, [1.408053, 1.03125, 0.148977]),
    ("lanczos3", False, 6, [0.552648, 3.006113, 3.440997, -1.365035, -1.292176, 0.901302]),
    ("lanczos3", False, 3, [1.582997, 1.071429, -0.024972]),
    ("lanczos5", False, 6, [0.393759, 3.071174, 3.490839, -1.388221, -1.37833, 1.064449]),
    ("lanczos5", False, 3, [1.672612, 1.102556, -0.120892]),
    ("area", False, 6, [1.0, 2.5, 4.0, -2.0, -0.75, 0.5]),
    ("area", False, 3, [1.75, 1.0, -0.125]),
    ("bilinear", True, 3, [1.9, 1.0, -0.25]),
    ("bicubic", True, 3, [2.084668, 1.017601, -0.461097]),
    ("lanczos3", True, 3, [2.360213, 1.03125, -0.747006]),
]

OTHER_COORDINATES: list[tuple[str, str, int, list[float]]] = [
    ("bilinear", "asymmetric", 8, [1.0, 2.5, 4.0, 1.0, -2.0, -0.75, 0.5, 0.5]),
    ("bilinear", "asymmetric", 6, [1.0, 3.0, 2.0, -2.0, -0.333333, 0.5]),
    ("bilinear", "asymmetric", 3, [1.0, 2.0, -0.333333]),
    ("nearest", "asymmetric", 6, [1.0, 1.0, 4.0, -2.0, -2.0, 0.5]),
    ("bilinear", "align_corners", 7, [1.0, 2.5, 4.0, 1.0, -2.0, -0.75, 0.5]),
    ("bilinear", "align_corners", 3, [1.0, 1.0, 0.5]),
    ("nearest", "align_corners", 7, [1.0, 4.0, 4.0, -2.0, -2.0, 0.5, 0.5]),
    ("nearest", "align_corners", 3, [1.0, -2.0, 0.5]),
]

METHODS = ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area")


def resized(x: np.ndarray, **attributes: Any) -> np.ndarray:
    builder = Builder()
    return evaluate(builder.build([builder.resize(builder.input(type_of(x)), **attributes)]), [x])[0]


@pytest.mark.parametrize(("method", "antialias", "size", "expected"), HALF_PIXEL)
def test_half_pixel(method: str, antialias: bool, size: int, expected: list[float]) -> None:
    result = resized(X, axes=(0,), sizes=(size,), method=method, antialias=antialias)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("method", "coordinates", "size", "expected"), OTHER_COORDINATES)
def test_other_coordinates(method: str, coordinates: str, size: int, expected: list[float]) -> None:
    result = resized(X, axes=(0,), sizes=(size,), method=method, coordinates=coordinates)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("antialias", [False, True])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("size", "out"), [(1, 1), (1, 5), (5, 1), (3, 7), (7, 3), (12, 12), (31, 6)])
def test_weights_sum_to_one_and_taps_are_the_matrix(method: str, antialias: bool, size: int, out: int) -> None:
    matrix = interpolation_matrix(size, out, method, "half_pixel", antialias)
    np.testing.assert_allclose(matrix.sum(axis=1), np.ones(out), rtol=1e-6)
    places, weights = interpolation_taps(size, out, method, "half_pixel", antialias)
    assert places.min() >= 0
    assert places.max() < size
    rebuilt = np.zeros_like(matrix)
    np.add.at(rebuilt, (np.arange(out)[:, None], places), weights)
    np.testing.assert_array_equal(rebuilt, matrix)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_size_is_the_same_tensor(method: str) -> None:
    np.testing.assert_allclose(resized(X, axes=(0,), sizes=(4,), method=method), X, rtol=1e-6, atol=1e-7)


def test_axes_are_independent() -> None:
    x = np.random.default_rng(1).standard_normal((2, 3, 4, 5)).astype(np.float32)
    both = resized(x, axes=(1, 2), scales=(2, 3), method="bilinear")
    one = resized(x, axes=(1,), scales=(2,), method="bilinear")
    np.testing.assert_allclose(both, resized(one, axes=(2,), scales=(3,), method="bilinear"), rtol=1e-6)
    moved = resized(np.moveaxis(x, 3, 1), axes=(2, 3), scales=(2, 3), method="bilinear")
    np.testing.assert_allclose(np.moveaxis(moved, 1, 3), both, rtol=1e-6)


def test_infinity_and_nan_stay_where_they_are() -> None:
    x = np.array([1.0, np.inf, 2.0, 3.0, np.nan, 4.0, 5.0, 6.0], np.float32)
    result = resized(x, axes=(0,), scales=(2,), method="bilinear")
    assert np.isfinite(result[[0, 5, 12, 13, 14, 15]]).all()
    assert np.isinf(result[2:4]).any()
    assert np.isnan(result[8:10]).all()


def test_nearest_keeps_any_dtype_exactly() -> None:
    x = np.array([2**62 + 1, -3], np.int64)
    np.testing.assert_array_equal(resized(x, axes=(0,), scales=(2,), method="nearest"), np.repeat(x, 2))


def test_open_sizes_grow_by_the_scale_at_run_time() -> None:
    builder = Builder()
    x = builder.input(type_of(np.zeros((1, 4, 2), np.float32)).with_shape(("batch", None, 2)))
    y = builder.resize(x, axes=(1,), scales=(3,), method="nearest")
    assert y.shape == ("batch", None, 2)
    assert evaluate(builder.build([y]), [np.zeros((1, 4, 2), np.float32)])[0].shape == (1, 12, 2)


@pytest.mark.parametrize(
    ("x", "attributes", "message"),
    [
        (X, {"axes": (0,)}, "need either sizes"),
        (X, {"axes": (0,), "sizes": (2,), "scales": (2,)}, "need either sizes"),
        (X, {"axes": (0,), "sizes": (0,)}, "need either sizes"),
        (X, {"axes": (1,), "sizes": (2,)}, "out of range"),
        (X[:0], {"axes": (0,), "sizes": (2,)}, "nothing to interpolate"),
    ],
)
def test_what_makes_no_sense_is_refused(x: np.ndarray, attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(KcompatError, match=message):
        resized(x, **attributes)


def test_integers_are_not_interpolated() -> None:
    with pytest.raises(DtypeError, match="'bilinear' needs a floating operand, received int32"):
        resized(np.arange(4, dtype=np.int32), axes=(0,), sizes=(8,), method="bilinear")
