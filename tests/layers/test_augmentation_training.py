"""Image augmentation in training: what Keras makes of the same draws, and how often chance decides what."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kcompat as keras
from kcompat import layers
from kcompat.errors import ArgumentError, ShapeError
from kcompat.ir import TensorType
from kcompat.ir.types import type_of
from kcompat.layers.emitter import Emitter
from kcompat.reference import evaluate

STEM = Path(__file__).resolve().parents[2] / "fixtures" / "training" / "augmentation"
CASES = json.loads(STEM.with_suffix(".json").read_text(encoding="utf-8"))["cases"]
with np.load(STEM.with_suffix(".npz")) as archive:
    ARRAYS = {key: archive[key] for key in archive.files}
IMAGES = np.random.default_rng(0).uniform(0, 255, (400, 4, 5, 3)).astype(np.float32)


def replayed(layer: Any, images: np.ndarray, drawn: dict[str, np.ndarray]) -> np.ndarray:
    """What a layer makes of images by given draws; those that are no arrays are known to the graph."""
    emitter = Emitter(training=True)
    arrays = [images, *(value for value in drawn.values() if value.ndim)]
    x, *values = (emitter.input(type_of(array)) for array in arrays)
    rest = iter(values)
    layer.draw = lambda b, images: {key: next(rest) if value.ndim else int(value) for key, value in drawn.items()}
    return evaluate(emitter.build([layer.emit(emitter, x)]), arrays)[0]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_same_draws_make_the_same_images(case: dict[str, Any]) -> None:
    layer = getattr(layers, case["class"])(**case["arguments"])
    prefix = f"{case['name']}/"
    given = {key.removeprefix(prefix): value for key, value in ARRAYS.items() if key.startswith(prefix)}
    expected, labels = given.pop("output"), given.pop("labels", None)
    images = ARRAYS["images"]
    if layer.data_format == "channels_first":
        images = images.transpose(0, 3, 1, 2)
    np.testing.assert_allclose(replayed(layer, images, given), expected, rtol=1e-4, atol=1e-3)
    if labels is not None:
        unit = np.eye(len(images), dtype=np.float32)
        mixed = compute(lambda b, x, **drawn: layer.transform_labels(b, x, **drawn), unit, given)
        np.testing.assert_allclose(mixed, labels, rtol=1e-4, atol=1e-5)


def compute(emit: Any, x: np.ndarray, drawn: dict[str, np.ndarray]) -> np.ndarray:
    emitter = Emitter(training=True)
    values = {key: emitter.input(type_of(array)) for key, array in {"x": x, **drawn}.items()}
    return evaluate(emitter.build([emit(emitter, **values)]), [x, *drawn.values()])[0]


def test_mixing_is_of_the_beta_distribution() -> None:
    images = np.zeros((4000, 2, 2, 1), np.float32)
    for layer, variance in ((layers.MixUp(0.5, seed=1), 1 / 8), (layers.CutMix((1.0, 1.0), seed=1), 1 / 12)):
        emitter = Emitter(training=True)
        weights = layer.draw(emitter, emitter.input(type_of(images)))["weights"]
        (drawn,) = evaluate(emitter.build([weights]), [images])
        np.testing.assert_allclose([drawn.mean(), drawn.var()], [0.5, variance], atol=0.02)


def test_labels_are_mixed_with_their_images() -> None:
    images, labels = np.arange(8, dtype=np.float32).reshape(8, 1, 1, 1), np.eye(8, dtype=np.float32)
    mixed = layers.MixUp(seed=3)({"images": images, "labels": labels}, training=True)
    np.testing.assert_allclose(mixed["labels"] @ np.arange(8), mixed["images"][:, 0, 0, 0], rtol=1e-5)


@pytest.mark.parametrize("cls", [layers.RandomErasing, layers.RandomGaussianBlur, layers.RandomPerspective])
def test_as_many_images_are_changed_as_the_factor_says(cls: Any) -> None:
    kept = np.isclose(changed(cls(factor=(0.3, 0.3), seed=5)), IMAGES, atol=1e-2).all(axis=(1, 2, 3))
    assert 230 < kept.sum() < 330


def changed(layer: Any, images: np.ndarray = IMAGES) -> np.ndarray:
    return np.asarray(layer(images, training=True))


def test_half_of_the_images_are_flipped() -> None:
    result = changed(layers.RandomFlip("horizontal", seed=1))
    flipped = (result == IMAGES[:, :, ::-1]).all(axis=(1, 2, 3))
    assert 150 < flipped.sum() < 250
    np.testing.assert_array_equal(result[~flipped], IMAGES[~flipped])


@pytest.mark.parametrize(
    ("layer", "low", "high"),
    [(layers.RandomBrightness((0.1, 0.3), seed=2), 25.5, 76.5), (layers.RandomBrightness(0.2, seed=2), -51, 51)],
    ids=["pair", "number"],
)
def test_brightness_is_uniform(layer: Any, low: float, high: float) -> None:
    images = np.full((4000, 1, 1, 3), 127.5, np.float32)
    steps = (changed(layer, images) - images)[:, 0, 0, 0]
    assert low <= steps.min() < low + 1
    assert high - 1 < steps.max() <= high
    np.testing.assert_allclose(steps.mean(), (low + high) / 2, atol=2)
    np.testing.assert_allclose(steps.std(), (high - low) / 12**0.5, rtol=0.05)


def test_rotations_are_drawn_for_each_image() -> None:
    ramp = np.tile(np.arange(9, dtype=np.float32)[:, None, None], (200, 1, 9, 1))
    slopes = changed(layers.RandomRotation(0.25, fill_mode="nearest", seed=3), ramp)[:, 4, 5] - 4.0
    angles = np.arcsin(np.clip(slopes, -1, 1))
    assert len(np.unique(angles.round(4))) > 190
    assert -np.pi / 2 <= angles.min() < -1.4
    assert 1.4 < angles.max() <= np.pi / 2


def test_crops_come_from_anywhere() -> None:
    image = np.arange(30, dtype=np.float32).reshape(1, 5, 6, 1)
    layer = layers.RandomCrop(4, 3, seed=4)
    corners = {float(changed(layer, image)[0, 0, 0, 0]) for _ in range(200)}
    assert corners == {0.0, 1.0, 2.0, 3.0, 6.0, 7.0, 8.0, 9.0}


def test_crops_need_known_sizes() -> None:
    emitter = Emitter(training=True)
    with pytest.raises(ShapeError, match="height and width must be known"):
        layers.RandomCrop(4, 3).emit(emitter, emitter.input(TensorType("float32", ("batch", None, None, 1))))


def test_images_alone_and_in_integers() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    result = changed(layers.RandomContrast(0.5, seed=5), image)
    assert result.shape == image.shape
    assert result.dtype == np.float32


def test_a_model_trains_behind_augmentation_and_predicts_without() -> None:
    keras.utils.set_random_seed(6)
    model = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.RandomFlip(),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.2),
            layers.RandomTranslation(0.1, 0.1),
            layers.RandomColorJitter((0, 1), 0.1, 0.1, 0.1, 0.1),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    x = np.random.default_rng(7).uniform(size=(32, 8, 8, 3))
    y = x.mean(axis=(1, 2, 3), keepdims=True).reshape(-1, 1)
    losses = model.fit(x, y, epochs=30, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    np.testing.assert_array_equal(model.predict(x, verbose=0), model.predict(x, verbose=0))


def test_what_is_not_drawn_is_refused_by_name() -> None:
    layer = layers.RandAugment(name="augment")
    layer(IMAGES[:2])
    with pytest.raises(ArgumentError, match=r"layer 'augment' .*not supported in training"):
        changed(layer, IMAGES[:2])
