"""Attention inside models, with masks, and what the recorded cases do not reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from cases import LayerCase, all_cases

from kcompat import initializers, layers, models
from kcompat.config import serialize
from kcompat.errors import KcompatError, SaveError

CLASSES = ("Attention", "AdditiveAttention", "MultiHeadAttention", "GroupQueryAttention")
CASES = [case for case in all_cases() if case.class_name in CLASSES and case.model_config]
KERAS2 = [case for case in CASES if case.era == "tf_keras"]
VERSIONS = {"keras": "3.15.1", "tf_keras": "2.21.0"}

X = np.random.default_rng(5).standard_normal((2, 3, 4)).astype(np.float32)
Y = np.random.default_rng(6).standard_normal((2, 5, 4)).astype(np.float32)


def load(case: LayerCase) -> Any:
    document = {"class_name": "Functional", "config": case.model_config, "keras_version": VERSIONS[case.era]}
    model = models.model_from_json(json.dumps(document))
    model.set_weights(case.weights)
    return model


def predict(model: Any, case: LayerCase) -> list[np.ndarray]:
    outputs = model.predict(case.inputs if len(case.inputs) > 1 else case.inputs[0], verbose=0)
    return outputs if isinstance(outputs, list) else [outputs]


def same(actual: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return all(np.allclose(a, b, rtol=1e-4, atol=1e-5) for a, b in zip(actual, expected, strict=True))


def find(model: Any, cls: type) -> Any:
    return next(layer for layer in model.layers if isinstance(layer, cls))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_models(case: LayerCase) -> None:
    model = load(case)
    if case.era == "keras":
        assert [weight.path for weight in model.weights] == case.weight_paths
    assert same(predict(model, case), case.outputs)


def test_there_are_cases_of_each_class_and_generation() -> None:
    assert {case.class_name for case in CASES} == set(CLASSES)
    assert {case.name.partition("_")[2] for case in KERAS2} >= {"residual", "masked_dropout", "nothing_seen_scores"}


@pytest.mark.parametrize("case", KERAS2, ids=str)
def test_masks_of_keras_2(case: LayerCase) -> None:
    """The older meaning is kept only where it makes a difference, which the outputs of the newer one show."""
    model = load(case)
    layer = find(model, layers.MultiHeadAttention)
    kept = layer.keras2_masks
    layer.keras2_masks = False
    newer = models.clone_model(model)
    newer.set_weights(case.weights)
    assert same(predict(newer, case), case.outputs) is not kept


def test_what_keras_3_cannot_say_is_not_written(tmp_path: Path) -> None:
    case = next(case for case in KERAS2 if case.name.endswith("residual"))
    with pytest.raises(SaveError, match="'keras2_masks' = True comes from an older Keras"):
        load(case).save(tmp_path / "model.keras")
    unmasked = next(case for case in KERAS2 if case.name.endswith("nothing_seen"))
    model = load(unmasked)
    model.save(tmp_path / "model.keras")
    assert same(predict(models.load_model(tmp_path / "model.keras"), unmasked), unmasked.outputs)


@pytest.mark.parametrize(
    "layer",
    [
        layers.MultiHeadAttention(2, 3, value_dim=2, use_gate=True, output_shape=(2, 3), name="heads"),
        layers.GroupedQueryAttention(3, 4, 2, use_gate=True, sliding_window=2, name="groups"),
    ],
    ids=lambda layer: layer.name,
)
def test_files_hold_attention(layer: Any, tmp_path: Path) -> None:
    """With the inputs by position or by name, as both are written."""
    query, value = layers.Input(X.shape[1:]), layers.Input(Y.shape[1:])
    outputs = [layer(query, value), layer(value=value, query=query, key=value, use_causal_mask=True)]
    model = models.Model([query, value], outputs)
    model.save(tmp_path / "model.keras")
    model.save(tmp_path / "model.h5")
    for name in ("model.keras", "model.h5"):
        copy = models.load_model(tmp_path / name)
        for actual, expected in zip(copy.predict([X, Y], verbose=0), model.predict([X, Y], verbose=0), strict=True):
            np.testing.assert_array_equal(actual, expected)


def test_group_query_attention_is_written_under_the_names_that_keras_gives_it(tmp_path: Path) -> None:
    layer = layers.GroupQueryAttention(3, 2, 1)
    assert serialize(layer)["class_name"] == "GroupQueryAttention"
    assert layer.name.startswith("grouped_query_attention")
    query = layers.Input(X.shape[1:])
    models.Model(query, layer(query, query)).save(tmp_path / "model.h5")
    with h5py.File(tmp_path / "model.h5") as file:
        config = json.loads(file.attrs["model_config"])
    assert config["config"]["layers"][1]["class_name"] == "GroupedQueryAttention"


def test_heads_start_from_different_weights() -> None:
    layer = layers.MultiHeadAttention(2, 3, kernel_initializer="random_normal")
    layer.build_once([X.shape, X.shape])
    query, key = layer.query_dense.kernel.numpy(), layer.key_dense.kernel.numpy()
    assert not np.array_equal(query, key)
    seeded = layers.MultiHeadAttention(2, 3, kernel_initializer=initializers.RandomNormal(seed=1))
    seeded.build_once([X.shape, X.shape])
    np.testing.assert_array_equal(seeded.query_dense.kernel.numpy(), seeded.key_dense.kernel.numpy())


@pytest.mark.parametrize("axes", [None, 1, (1,), [-2]])
def test_attention_axes_are_written_as_keras_resolves_them(axes: Any) -> None:
    layer = layers.MultiHeadAttention(2, 3, attention_axes=axes, flash_attention=True)
    assert layer.compute_output_shape((None, 3, 4), (None, 5, 4)) == (None, 3, 4)
    assert layer.get_config()["attention_axes"] == (1,)
    shapes = {"query_shape": (None, 3, 4), "value_shape": (None, 5, 4)}
    assert layer.get_build_config() == {"shapes_dict": shapes}


def weights_between(layer: Any, **masks: Any) -> np.ndarray:
    return layer(X, Y, return_attention_scores=True, **masks)[1]


def test_masks_given_as_arguments() -> None:
    """A query's mask is heeded by GroupedQueryAttention alone, as in Keras 3.15."""
    queries, keys = np.array([[1, 0, 1]] * 2, bool), np.array([[1, 1, 0, 0, 1]] * 2)
    heads, groups = layers.MultiHeadAttention(2, 3), layers.GroupedQueryAttention(3, 2, 1)
    for layer in (heads, groups):
        hidden = weights_between(layer, value_mask=keys)
        np.testing.assert_array_equal(hidden > 0, np.broadcast_to(keys[:, None, None] > 0, hidden.shape))
        np.testing.assert_allclose(hidden.sum(-1), 1, rtol=1e-6)
    np.testing.assert_array_equal(weights_between(heads, query_mask=queries), weights_between(heads))
    assert (weights_between(groups, query_mask=queries)[:, :, 1] == 0).all()


def test_masks_of_every_rank_between_queries_and_keys() -> None:
    layer = layers.MultiHeadAttention(2, 3)
    mask = np.random.default_rng(7).random((2, 2, 3, 5)) < 0.6
    mask[..., 0] = True
    seen = weights_between(layer, attention_mask=mask)
    np.testing.assert_array_equal(seen > 0, mask)
    for one in (mask[0, 0], mask[:, 0], mask[:, :1]):
        expected = np.broadcast_to(one if one.ndim != 3 else one[:, None], mask.shape)
        np.testing.assert_array_equal(weights_between(layer, attention_mask=one) > 0, expected)


def test_causal_masks_along_one_of_several_axes() -> None:
    """With attention_axes=1 the other axes are like more samples; calls in files say 0 and 1 for flags."""
    x = np.random.default_rng(8).standard_normal((2, 4, 3, 5), np.float32)
    layer, plain = layers.MultiHeadAttention(2, 3, attention_axes=1), layers.MultiHeadAttention(2, 3)
    y, weights = layer(x, x, use_causal_mask=1, return_attention_scores=1)
    plain.build_once([(None, 4, 5)] * 2)
    plain.set_weights(layer.get_weights())
    for place in range(3):
        expected, seen = plain(x[:, :, place], x[:, :, place], use_causal_mask=True, return_attention_scores=True)
        np.testing.assert_allclose(y[:, :, place], expected, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(weights[:, place], seen, rtol=1e-4, atol=1e-6)
    assert (weights[..., ~np.tri(4, dtype=bool)] == 0).all()


def test_attention_of_keras_2_may_be_causal(tmp_path: Path) -> None:
    """Until TensorFlow 2.10 `causal` was an entry of the config."""
    layer = layers.Attention.from_config({"name": "a", "causal": True, "use_scale": False, "dropout": 0.0})
    np.testing.assert_array_equal(layer([X, Y]), layers.Attention()([X, Y], use_causal_mask=True))
    query, value = layers.Input(X.shape[1:]), layers.Input(Y.shape[1:])
    with pytest.raises(SaveError, match="'causal' = True"):
        models.Model([query, value], layer([query, value])).save(tmp_path / "model.keras")


@pytest.mark.parametrize("make", [layers.Attention, layers.AdditiveAttention])
def test_masks_of_sequences(make: Any) -> None:
    queries, values = np.array([[1, 0, 1]] * 2, bool), np.array([[1, 1, 0, 0, 1]] * 2, bool)
    layer = make()
    y, weights = layer([X, Y], mask=[queries, values], return_attention_scores=True)
    assert (weights[..., 2:4] == 0).all()
    np.testing.assert_array_equal(y != 0, np.broadcast_to(queries[..., None], y.shape))
    np.testing.assert_allclose(layer([X, Y], mask=[None, values])[:, 0], y[:, 0], rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.Attention()(X), r"list \[query, value\]"),
        (lambda: layers.Attention()([X] * 4), r"list \[query, value\]"),
        (lambda: layers.Attention(score_mode="mean"), "score_mode"),
        (lambda: layers.MultiHeadAttention(0, 3), "num_heads"),
        (lambda: layers.MultiHeadAttention(2, 3, output_shape=(3, 0)), "output_shape"),
        (lambda: layers.MultiHeadAttention(2, 3, sliding_window=0), "sliding_window"),
        (lambda: layers.MultiHeadAttention(2, 3)(X, Y, X), "values .*5, 4.* and keys .*3, 4.* same sizes"),
        (lambda: layers.MultiHeadAttention(2, 3)(X, Y, attention_mask=np.ones(5)), "mask must have from 2 to 4 axes"),
        (lambda: layers.MultiHeadAttention(2, 3)(X, Y, attention_mask=np.ones((4, 5))), "shapes do not broadcast"),
        (lambda: layers.MultiHeadAttention(2, 3)(X[None], X[None], use_causal_mask=True), "need queries .*rank 4"),
        (lambda: layers.GroupedQueryAttention(3, 4, 3), "num_query_heads=4 must be a multiple"),
        (lambda: layers.GroupedQueryAttention(3, 4, 2)(X[None], X[None]), "axes .batch, time, features"),
    ],
)
def test_wrong_calls(call: Any, message: str) -> None:
    with pytest.raises(KcompatError, match=message):
        call()
