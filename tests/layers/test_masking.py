"""Masks: where they come from, how far they go, what they do; and inside models as Keras 3 writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cases import LayerCase, all_cases

from kcompat import Model, layers
from kcompat.errors import InputError, SaveError, ShapeError
from kcompat.ir import TensorType, verify
from kcompat.layers import Layer
from kcompat.layers.emitter import Emitter
from kcompat.models import load_model, model_from_config
from kcompat.reference import evaluate

STEMS = {
    "bidirectional",
    "conv_lstm1d",
    "conv_lstm2d",
    "gru",
    "lstm",
    "rnn",
    "simple_rnn",
    "time_distributed",
}
IN_MODELS = [case for case in all_cases() if case.model_config and not case.training and case.stem in STEMS]

REAL = np.array([[1, 0, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]], bool)
OTHER = np.array([[1, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 0]], bool)
NOISE = np.random.default_rng(3).normal(size=(3, 4, 2)).astype(np.float32)
SEQUENCES = NOISE * REAL[..., None]
TOKENS = np.array([[1, 0, 2], [0, 0, 3]], np.int32)


@pytest.mark.parametrize("case", IN_MODELS, ids=str)
def test_models_of_keras_3(case: LayerCase) -> None:
    """Masks are arguments of the calls in these files, computed by operations."""
    model = model_from_config({"class_name": "Functional", "config": case.model_config})
    model.set_weights(case.weights)
    outputs = model.predict(case.inputs, verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    assert len(outputs) == len(case.outputs)
    for actual, expected in zip(outputs, case.outputs, strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def mask_after(*chain: Layer, data: Any = SEQUENCES) -> np.ndarray | None:
    """The mask of the value that a chain of layers makes."""
    emitter = Emitter()
    value: Any = emitter.input(TensorType(data.dtype.name, ("batch", *data.shape[1:])))
    for layer in chain:
        value = emitter.call(layer, value)
    mask = emitter.masks.get(value[0] if isinstance(value, list) else value)
    return None if mask is None else evaluate(verify(emitter.build([mask])), [data])[0]


def mask_of_merge(layer: Layer, *masks: np.ndarray | None) -> np.ndarray | None:
    """The mask of a merge of sequences that have these masks, or none."""
    emitter = Emitter()
    data = [NOISE if mask is None else mask for mask in masks]
    inputs = [emitter.input(TensorType("float32" if d is NOISE else "bool", ("batch", *d.shape[1:]))) for d in data]
    values = []
    for source, mask in zip(inputs, masks, strict=True):
        value = source
        if mask is not None:
            value = emitter.mul(
                emitter.expand_dims(emitter.cast(source, dtype="float32"), axes=(2,)), np.ones((1, 1, 2), "f4")
            )
            emitter.masks[value] = source
        values.append(value)
    merged = emitter.masks.get(emitter.call(layer, values))
    return None if merged is None else evaluate(verify(emitter.build([merged])), data)[0]


# --- sources -------------------------------------------------------------------------


def test_masking() -> None:
    np.testing.assert_array_equal(mask_after(layers.Masking()), REAL)
    data = np.where(REAL[..., None], NOISE, -1.0).astype(np.float32)
    np.testing.assert_array_equal(mask_after(layers.Masking(mask_value=-1), data=data), REAL)


def test_embedding_masks_zeros_where_it_is_told_to() -> None:
    np.testing.assert_array_equal(mask_after(layers.Embedding(4, 2, mask_zero=True), data=TOKENS), TOKENS != 0)
    assert mask_after(layers.Embedding(4, 2), data=TOKENS) is None


@pytest.mark.parametrize("index", [-1, 4])
def test_embedding_refuses_indices_without_a_vector(index: int) -> None:
    with pytest.raises(InputError, match=rf"layer 'words' \(Embedding\).*index {index} at \(0, 1\) is not in \[0, 4\)"):
        layers.Embedding(4, 2, name="words")(np.array([[0, index]]))


def test_embedding_truncates_floats() -> None:
    layer = layers.Embedding(4, 2)
    np.testing.assert_array_equal(layer(np.array([[1.9, 0.2]])), layer(np.array([[1, 0]])))


def test_embedding_declares_an_input() -> None:
    """input_dim is the number of vectors here, and input_length the size of the input's last axis."""
    model = layers.Embedding(7, 2, input_length=5)
    assert (model.input_dim, model.input_arguments) == (7, {"input_shape": 5})


# --- ways ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "layer",
    [
        layers.Activation("relu"),
        layers.BatchNormalization(),
        layers.Dense(3),
        layers.Dropout(0.5),
        layers.LayerNormalization(),
        layers.LSTM(2, return_sequences=True),
        layers.GRU(2, return_sequences=True, return_state=True),
        layers.Bidirectional(layers.GRU(2, return_sequences=True)),
        layers.TimeDistributed(layers.Dense(3)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_masks_pass(layer: Layer) -> None:
    np.testing.assert_array_equal(mask_after(layers.Masking(), layer), REAL)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv1D(2, 2, padding="same"),
        layers.Flatten(),
        layers.GlobalAveragePooling1D(),
        layers.LSTM(2),
        layers.Bidirectional(layers.SimpleRNN(2)),
        layers.Reshape((4, 2)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_masks_end(layer: Layer) -> None:
    assert mask_after(layers.Masking(), layer) is None


def test_masks_pass_through_models() -> None:
    x = layers.Input((4, 2))
    np.testing.assert_array_equal(mask_after(layers.Masking(), Model(x, layers.Dense(3)(x))), REAL)
    np.testing.assert_array_equal(mask_after(Model(x, layers.Masking()(x)), layers.Dense(3)), REAL)


def test_a_given_mask_takes_the_place_of_the_inputs_own() -> None:
    x, mask = layers.Input((4, 2)), layers.Input((4,), dtype="bool")
    layer = layers.LSTM(3)
    masked = Model([x, mask], layer(layers.Masking()(x), mask=mask))
    alone = Model([x, mask], layer(x, mask=mask))
    np.testing.assert_array_equal(
        masked.predict([SEQUENCES, OTHER], verbose=0), alone.predict([SEQUENCES, OTHER], verbose=0)
    )


def test_a_mask_of_other_axes_is_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(LSTM\).*mask is \(batch, time\)"):
        layers.LSTM(3)(NOISE, mask=np.ones((3, 4, 2), bool))
    with pytest.raises(ShapeError, match="time sizes"):
        layers.LSTM(3)(NOISE, mask=np.ones((3, 5), bool))


# --- merges ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Add", "Average", "Maximum", "Minimum", "Multiply"])
def test_elementwise_merges(name: str) -> None:
    layer, old = getattr(layers, name)(), getattr(layers, name)(intersects_masks=True)
    np.testing.assert_array_equal(mask_of_merge(layer, REAL, OTHER), REAL | OTHER)
    np.testing.assert_array_equal(mask_of_merge(old, REAL, OTHER), REAL & OTHER)
    assert mask_of_merge(layer, REAL, None) is None
    np.testing.assert_array_equal(mask_of_merge(old, REAL, None), REAL)
    assert mask_of_merge(layer, None, None) is None


def test_concatenation_of_features() -> None:
    layer, old = layers.Concatenate(), layers.Concatenate(intersects_masks=True)
    np.testing.assert_array_equal(mask_of_merge(layer, REAL, OTHER), REAL | OTHER)
    np.testing.assert_array_equal(mask_of_merge(old, REAL, OTHER), REAL & OTHER)
    np.testing.assert_array_equal(mask_of_merge(layer, REAL, None), np.ones_like(REAL))
    np.testing.assert_array_equal(mask_of_merge(old, REAL, None), REAL)


@pytest.mark.parametrize("old", [False, True])
def test_concatenation_of_steps(old: bool) -> None:
    layer = layers.Concatenate(axis=1, intersects_masks=old)
    np.testing.assert_array_equal(mask_of_merge(layer, REAL, OTHER), np.concatenate([REAL, OTHER], axis=1))
    np.testing.assert_array_equal(mask_of_merge(layer, None, REAL), np.concatenate([np.ones_like(REAL), REAL], axis=1))


def test_dot_has_no_mask() -> None:
    assert mask_of_merge(layers.Dot(axes=2), REAL, OTHER) is None


def merge_values(name: str, **config: Any) -> np.ndarray:
    x, y = layers.Input((4, 2)), layers.Input((4, 2))
    merged = getattr(layers, name)(**config)([layers.Masking()(x), layers.Masking()(y)])
    return Model([x, y], merged).predict([SEQUENCES, NOISE * OTHER[..., None]], verbose=0)


@pytest.mark.parametrize(
    ("name", "function", "neutral"),
    [("Multiply", np.multiply, 1.0), ("Maximum", np.maximum, -np.inf), ("Minimum", np.minimum, np.inf)],
)
def test_masked_elements_take_no_part(name: str, function: Any, neutral: float) -> None:
    real, other = REAL[..., None], OTHER[..., None]
    expected = function(np.where(real, NOISE, neutral), np.where(other, NOISE, neutral))
    np.testing.assert_allclose(merge_values(name), np.where(real | other, expected, 0), rtol=1e-6)
    plain = function(NOISE * real, NOISE * other)
    np.testing.assert_allclose(merge_values(name, intersects_masks=True), plain, rtol=1e-6)


# --- TimeDistributed -------------------------------------------------------------------


def test_masks_of_more_axes_reach_the_layer_inside() -> None:
    tokens = np.array([[[1, 0], [0, 0]], [[2, 3], [0, 1]]], np.int32)
    words, inner = layers.Embedding(4, 3, mask_zero=True), layers.LSTM(2)
    x = layers.Input((2, 2), dtype="int32")
    folded = Model(x, layers.TimeDistributed(inner)(words(x))).predict(tokens, verbose=0)
    sentence = layers.Input((2,), dtype="int32")
    each = Model(sentence, inner(words(sentence))).predict(tokens.reshape(4, 2), verbose=0)
    np.testing.assert_array_equal(folded.reshape(4, 2), each)


def test_masks_that_leave_the_layer_inside() -> None:
    tokens = np.array([[[1, 0], [0, 0]]], np.int32)
    embedding = layers.Embedding(4, 3, mask_zero=True)
    assert mask_after(layers.TimeDistributed(layers.Embedding(4, 3, mask_zero=True)), data=tokens) is None
    old = layers.TimeDistributed(layers.Embedding(4, 3, mask_zero=True), inner_masks=True)
    np.testing.assert_array_equal(mask_after(old, data=tokens), tokens != 0)
    old = layers.TimeDistributed(layers.LSTM(2), inner_masks=True)
    np.testing.assert_array_equal(mask_after(embedding, old, data=tokens), [[True, False]])
    new = layers.TimeDistributed(layers.LSTM(2))
    np.testing.assert_array_equal(mask_after(layers.Embedding(4, 3, mask_zero=True), new, data=tokens), tokens != 0)


def test_time_distributed_needs_steps_with_axes() -> None:
    with pytest.raises(ShapeError, match="three axes"):
        layers.TimeDistributed(layers.Dense(2))(np.ones((2, 3)))


def test_time_distributed_takes_several_inputs_and_outputs() -> None:
    a, b = layers.Input((2,)), layers.Input((2,))
    inner = Model([a, b], [layers.Add()([a, b]), layers.Multiply()([a, b])])
    x, y = NOISE, NOISE[::-1]
    added, multiplied = layers.TimeDistributed(inner)([x, y])
    np.testing.assert_array_equal(added, x + y)
    np.testing.assert_array_equal(multiplied, x * y)


def keras2_softmax(masked: bool, **config: Any) -> Model:
    call = ["x", 0, 0, {"mask": ["mask", 0, 0]} if masked else {}]
    inputs = [("x", "float32"), ("mask", "bool")]
    layer_list: list[dict[str, Any]] = [
        {
            "class_name": "InputLayer",
            "name": name,
            "inbound_nodes": [],
            "config": {"batch_input_shape": [None, 4], "dtype": dtype, "sparse": False, "name": name},
        }
        for name, dtype in inputs
    ]
    softmax = {"name": "softmax", "trainable": True, "dtype": "float32", "axis": -1, **config}
    layer_list.append({"class_name": "Softmax", "name": "softmax", "config": softmax, "inbound_nodes": [[call]]})
    ends = {"input_layers": [[name, 0, 0] for name, _ in inputs], "output_layers": [["softmax", 0, 0]]}
    document = {"class_name": "Functional", "config": {"name": "model", "layers": layer_list, **ends}}
    return model_from_config({**document, "keras_version": "2.15.0"})


@pytest.mark.parametrize("config", [{}, {"robust_masking": True}])
def test_softmax_of_keras_2_where_everything_is_masked(config: dict[str, Any], tmp_path: Path) -> None:
    """Measured with tf_keras 2.21; Keras 3.15 gives zeros there."""
    x = np.array([[1, 2, 3, 4], [1, 2, 3, 4]], np.float32)
    mask = np.array([[True, False, True, False], [False] * 4])
    model = keras2_softmax(True, **config)
    result = model([x, mask])
    np.testing.assert_allclose(result, [[0.1192029, 0, 0.8807971, 0], [0.25] * 4], rtol=1e-6)
    with pytest.raises(SaveError, match="'keras2_mask' = True comes from an older Keras"):
        model.save(tmp_path / "model.keras")
    unmasked = keras2_softmax(False, **config)
    unmasked.save(tmp_path / "model.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "model.keras")([x, mask]), unmasked([x, mask]))
