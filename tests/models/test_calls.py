"""How layers and models may be called: arguments by name, masks, and inputs that lack an axis or have one more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompat import layers, models
from kcompat.errors import ArgumentError

X = np.random.default_rng(10).standard_normal((2, 5, 3)).astype(np.float32)
STEPS = np.array([[1, 1, 0, 1, 0], [1, 1, 1, 1, 1]], bool)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (layers.UpSampling1D(2), "inputs"),
        (layers.Dense(2), "x"),
        (layers.LSTM(2), "sequences"),
        (layers.Concatenate(), "inputs"),
    ],
)
def test_the_first_argument_by_its_name_in_keras(layer: Any, name: str, tmp_path: Path) -> None:
    data = [X, X] if isinstance(layer, layers.Concatenate) else X
    expected = layer(**{name: data})
    np.testing.assert_array_equal(layer(data), expected)
    x = layers.Input(X.shape[1:])
    model = models.Model(x, layer(**{name: [x, x] if isinstance(data, list) else x}))
    model.save(tmp_path / "model.keras")
    np.testing.assert_allclose(models.load_model(tmp_path / "model.keras")(X), expected, rtol=1e-4, atol=1e-5)


def test_attention_by_names_alone() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    y = layer(value=X, query=X[:, :2])
    np.testing.assert_array_equal(y, layer(X[:, :2], X))


def inner(shape: tuple[int, ...], sequential: bool) -> Any:
    layer = layers.Dense(2)
    if sequential:
        return models.Sequential([layers.Input(shape), layer])
    x = layers.Input(shape)
    return models.Model(x, layer(x))


@pytest.mark.parametrize("sequential", [False, True])
def test_models_inside_models_take_an_axis_of_size_one_more_or_less(sequential: bool) -> None:
    """As Keras's `_adjust_input_rank`, and as predict does with data."""
    flat, column = inner((3,), sequential), inner((5, 1), sequential)
    more, less = layers.Input((3, 1)), layers.Input((5,))
    samples = X[:, 0]
    np.testing.assert_array_equal(models.Model(more, flat(more))(samples[..., None]), flat(samples))
    np.testing.assert_array_equal(models.Model(less, column(less))(X[..., 0]), column(X[..., :1]))


@pytest.mark.parametrize("sequential", [False, True])
def test_masks_given_to_models_reach_their_layers(sequential: bool) -> None:
    x, steps = layers.Input((5, 3)), layers.Input((5,), dtype="bool")
    pool = layers.GlobalAveragePooling1D()
    mean = models.Sequential([layers.Input((5, 3)), pool]) if sequential else models.Model(x, pool(x))
    outer = models.Model([x, steps], mean(x, mask=steps))
    expected = [sample[seen].mean(axis=0) for sample, seen in zip(X, STEPS, strict=True)]
    np.testing.assert_allclose(outer([X, STEPS]), expected, rtol=1e-5)


def test_masks_survive_the_cast_to_a_models_dtype() -> None:
    """An inner model of floats is called on masked integers."""
    indices = np.array([[1, 2, 0], [3, 0, 0]])
    mean = models.Sequential([layers.Input((3, 1)), layers.GlobalAveragePooling1D()])
    x = layers.Input((3,), dtype="int32")
    masked = layers.Masking(0)(layers.Reshape((3, 1))(x))
    np.testing.assert_allclose(models.Model(x, mean(masked))(indices), [[1.5], [3]])


def test_one_mask_for_each_input() -> None:
    x = layers.Input((5, 3))
    with pytest.raises(ArgumentError, match="takes 1 masks, one for each input, received 2"):
        models.Model(x, layers.Dense(2)(x))(layers.Input((5, 3)), mask=[None, None])


def test_masks_by_name_leave_aside_what_the_model_does_not_take() -> None:
    x, steps = layers.Input((5, 3), name="x"), layers.Input((5,), dtype="bool")
    mean = models.Model({"x": x}, layers.GlobalAveragePooling1D()(x))
    masked = mean({"x": x, "other": steps}, mask={"x": steps, "other": None})
    expected = [sample[seen].mean(axis=0) for sample, seen in zip(X, STEPS, strict=True)]
    np.testing.assert_allclose(models.Model([x, steps], masked)([X, STEPS]), expected, rtol=1e-5)
