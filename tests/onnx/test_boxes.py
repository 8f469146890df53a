"""Operators on boxes in images, by kernels and by onnx.reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat.converters.onnx.host import HostOperator
from kcompat.converters.onnx.spec import NodeSpec
from kcompat.errors import InputError


def operator(op: str, inputs: int, version: int = 16, **attrs: Any) -> HostOperator:
    names = tuple(f"i{number}" for number in range(inputs))
    return HostOperator(NodeSpec("n", op, "", version, names, ("y",), attrs, {"": version}))


def check(made: HostOperator, *arrays: Any) -> np.ndarray:
    """What it gives, which onnx.reference gives too."""
    (result,), (expected,) = made(arrays), made.runner.run(*arrays)
    assert result.dtype == expected.dtype
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
    return result


def corners(rng: np.random.Generator, samples: int, count: int, size: float = 0.3) -> np.ndarray:
    first = rng.random((samples, count, 2))
    return np.concatenate([first, first + (rng.random((samples, count, 2)) - 0.1) * size], -1).astype(np.float32)


@pytest.mark.parametrize("centred", [0, 1])
@pytest.mark.parametrize(
    ("most", "threshold", "least"), [(5, 0.5, 0.2), (100, 0.1, None), (3, 0.0, 0.9), (0, 0.5, 0.1)]
)
def test_boxes_that_overlap_better_ones_are_left_out(
    most: int, threshold: float, least: float | None, centred: int
) -> None:
    rng = np.random.default_rng(0)
    boxes, scores = corners(rng, 2, 60), rng.random((2, 3, 60)).astype(np.float32)
    scores[:, :, ::7] = 0.5
    limits = [np.array([most]), np.float32([threshold]), None if least is None else np.float32([least])]
    taken = check(operator("NonMaxSuppression", 5, center_point_box=centred), boxes, scores, *limits)
    assert (len(taken) == 0) == (most == 0)


def test_no_candidate() -> None:
    rng = np.random.default_rng(0)
    boxes, scores = corners(rng, 1, 6), np.zeros((1, 2, 6), np.float32)
    made = operator("NonMaxSuppression", 5)
    (taken,) = made([boxes, scores, np.array([4]), np.float32([0.5]), np.float32([0.5])])
    assert taken.shape == (0, 3)


def test_boxes_and_scores_that_do_not_fit_are_refused() -> None:
    made = operator("NonMaxSuppression", 3)
    with pytest.raises(InputError, match="do not fit"):
        made([np.zeros((1, 5, 4), np.float32), np.zeros((1, 2, 6), np.float32), np.array([4])])


@pytest.mark.parametrize("pixels", ["half_pixel", "output_half_pixel"])
@pytest.mark.parametrize("mode", ["avg", "max"])
@pytest.mark.parametrize("points", [0, 1, 2])
def test_regions_are_pooled(points: int, mode: str, pixels: str) -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(2, 5, 9, 11)).astype(np.float32)
    regions = (corners(rng, 1, 7, 1.0)[0] * 20 - 3).astype(np.float32)
    samples = np.array([0, 1, 1, 0, 0, 1, 0])
    attrs: dict[str, Any] = {"output_height": 3, "output_width": 4, "sampling_ratio": points, "spatial_scale": 0.7}
    whole = operator("RoiAlign", 3, mode=mode, coordinate_transformation_mode=pixels, **attrs)
    y = check(whole, x, regions, samples)
    version = 16 if pixels == "half_pixel" else 10
    (by_default,) = operator("RoiAlign", 3, version, mode=mode, **attrs)([x, regions, samples])
    np.testing.assert_array_equal(by_default, y)


def test_regions_of_no_sample_are_refused() -> None:
    made = operator("RoiAlign", 3)
    with pytest.raises(InputError, match="none of the 1"):
        made([np.zeros((1, 2, 5, 5), np.float32), np.zeros((1, 4), np.float32), np.array([1])])


def test_regions_that_are_no_numbers() -> None:
    made = operator("RoiAlign", 3, output_height=2, output_width=2, sampling_ratio=2)
    (y,) = made([np.ones((1, 2, 5, 5), np.float32), np.full((1, 4), np.nan, np.float32), np.array([0])])
    assert y.shape == (1, 2, 2, 2)
