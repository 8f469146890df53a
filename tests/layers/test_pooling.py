"""Pooling: masks, older names, and what a wrong input or argument says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import LayerCase, all_cases

from kcompat import layers
from kcompat.config import CLASSES
from kcompat.errors import ArgumentError, ShapeError

TABLE = CLASSES["keras.layers"]
MASKED = [case for case in all_cases() if case.class_name == "GlobalAveragePooling1D" and case.model_config]


@pytest.mark.parametrize("case", MASKED, ids=str)
def test_average_of_the_steps_that_a_mask_marks(case: LayerCase) -> None:
    """The cases mask the steps that are zero throughout."""
    (x,), (expected,) = case.inputs, case.outputs
    layer = layers.GlobalAveragePooling1D.from_config(case.config)
    actual = layer(x, mask=(x != 0).any(-1))
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_masked_average_channels_first() -> None:
    x, mask = np.arange(24, dtype=np.float32).reshape(2, 3, 4), np.array([[1, 1, 0, 0], [0, 1, 1, 1]], bool)
    last = layers.GlobalAveragePooling1D()(x.swapaxes(1, 2), mask=mask)
    first = layers.GlobalAveragePooling1D("channels_first")(x, mask=mask)
    np.testing.assert_array_equal(first, last)
    np.testing.assert_array_equal(first[0], x[0, :, :2].mean(-1))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(
    ("family", "arguments"),
    [
        ("MaxPooling", {}),
        ("AveragePooling", {}),
        ("GlobalMaxPooling", {}),
        ("GlobalAveragePooling", {}),
        ("AdaptiveMaxPooling", {"output_size": 1}),
        ("AdaptiveAveragePooling", {"output_size": 1}),
    ],
)
def test_input_of_another_rank(family: str, arguments: dict[str, Any], rank: int) -> None:
    layer = TABLE[f"{family}{rank}D"](name="here", **arguments)
    with pytest.raises(ShapeError, match=f"layer 'here' .*rank {rank + 2}, received shape .*8]"):
        layer.compute_output_shape((None, *[8] * rank))


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize(("short", "long"), [("Max", "Max"), ("Avg", "Average")])
def test_aliases(short: str, long: str, rank: int) -> None:
    assert TABLE[f"{short}Pool{rank}D"] is TABLE[f"{long}Pooling{rank}D"]
    assert TABLE[f"Global{short}Pool{rank}D"] is TABLE[f"Global{long}Pooling{rank}D"]


def test_arguments() -> None:
    assert layers.MaxPooling2D(3, 1, "same").strides == (1, 1)
    assert layers.MaxPooling2D((3, 2)).strides == (3, 2)
    with pytest.raises(ArgumentError, match=r"'strides' must be .* received 0"):
        layers.MaxPooling2D(2, strides=0)
    with pytest.raises(ArgumentError, match="'padding' must be one of 'valid', 'same', received 'causal'"):
        layers.MaxPooling1D(2, padding="causal")
    with pytest.raises(ArgumentError, match=r"'output_size' must be .* received \(1, 2\)"):
        layers.AdaptiveMaxPooling1D((1, 2))


def test_window_larger_than_the_input() -> None:
    with pytest.raises(ShapeError, match="a window spanning 5 does not fit into 4 positions"):
        layers.AveragePooling1D(5).compute_output_shape((None, 4, 1))


def test_max_of_integers_stays_integer() -> None:
    x = np.arange(8, dtype=np.int32).reshape(1, 8, 1)
    assert layers.MaxPooling1D()(x).tolist() == [[[1], [3], [5], [7]]]
    assert layers.AveragePooling1D()(x).tolist() == [[[0.5], [2.5], [4.5], [6.5]]]
