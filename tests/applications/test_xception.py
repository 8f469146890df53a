"""Xception: the layers of keras.applications.Xception 3.15.1, whose numbers of parameters Keras documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kcompat.applications import Xception
from kcompat.errors import ArgumentError


def test_the_layers_are_keras_s() -> None:
    model = Xception(weights=None)
    assert model.count_params() == 22_910_480
    assert model.output_shape == (None, 1000)
    assert len(model.layers) == 134
    assert [layer.name for layer in model.layers[-3:]] == ["block14_sepconv2_act", "avg_pool", "predictions"]


def test_features_without_the_classifier() -> None:
    model = Xception(weights=None, include_top=False, input_shape=(75, 80, 3))
    assert model.count_params() == 20_861_480
    assert model.output_shape == (None, 3, 3, 2048)
    assert Xception(weights=None, include_top=False, pooling="avg").output_shape == (None, 2048)


def test_weights_come_from_a_file(tmp_path: Path) -> None:
    first = Xception(weights=None, include_top=False, input_shape=(71, 71, 3))
    first.save_weights(tmp_path / "xception.weights.h5")
    second = Xception(weights=tmp_path / "xception.weights.h5", include_top=False, input_shape=(75, 75, 3))
    assert all(map(np.array_equal, first.get_weights(), second.get_weights()))


def test_what_cannot_be_made_is_refused() -> None:
    with pytest.raises(ArgumentError, match="would be downloaded"):
        Xception()
    with pytest.raises(ArgumentError, match="sides of at least 71"):
        Xception(weights=None, include_top=False, input_shape=(70, 71, 3))
    with pytest.raises(ArgumentError, match="pooling must be"):
        Xception(weights=None, include_top=False, pooling="mean")
