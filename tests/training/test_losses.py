"""Losses against what real Keras computes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from training_cases import assert_close, data, expected, records

import kcompat
from kcompat import losses, ops
from kcompat.config import CLASSES
from kcompat.errors import ArgumentError, ConfigError, InputError, ShapeError
from kcompat.ir import TensorType, Value, verify
from kcompat.ir.types import type_of
from kcompat.layers.emitter import Emitter
from kcompat.passes.differentiate import differentiate
from kcompat.reference import evaluate

CASES = records("losses")


def made(record: dict[str, Any]) -> losses.Loss:
    return CLASSES["keras.losses"][record["class"]](**record["arguments"])


def entered(b: Emitter, array: np.ndarray | None, open_batch: bool) -> Value | None:
    if array is None:
        return None
    type = type_of(array)
    return b.input(TensorType(type.dtype, ("batch", *type.shape[1:])) if open_batch else type)


@pytest.mark.parametrize("open_batch", [False, True], ids=["known", "open"])
@pytest.mark.parametrize("record", CASES, ids=lambda record: record["name"])
def test_values_and_gradients(record, open_batch):
    given = [data(record[key]) for key in ("y_true", "y_pred", "weight", "mask")]
    b = Emitter()
    y_true, source, weight, mask = (entered(b, array, open_batch) for array in given)
    y_pred = getattr(b, record["through"])(source) if record["through"] else source
    value = made(record).emit(b, y_true, y_pred, weight, mask)
    (gradient,) = differentiate(b, value, [source])
    graph = verify(b.build([value, gradient]))
    results = evaluate(graph, [array for array in given if array is not None])
    assert_close(results[0], expected("losses", record, "value"))
    assert_close(results[1], expected("losses", record, "gradient"))


@pytest.mark.parametrize("record", CASES, ids=lambda record: record["name"])
def test_configs(record):
    loss = made(record)
    config = json.loads(json.dumps(loss.get_config()))
    assert {key: config[key] for key in record["config"]} == record["config"]
    for key in config.keys() - record["config"].keys():
        assert key in record["arguments"], "beyond Keras's config, only what was given is written"
    again = losses.deserialize(losses.serialize(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()


ALIASES = {
    "mse": "mean_squared_error",
    "MAE": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "MSLE": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "KLD": "kl_divergence",
}


@pytest.mark.parametrize(("alias", "name"), ALIASES.items())
def test_functions_by_name(alias, name):
    assert losses.get(alias) is losses.get(name) is getattr(losses, name) is getattr(losses, alias)
    assert losses.serialize(losses.get(alias)) == name
    loss = losses.resolve_loss(alias, (None, 3), (None, 3))
    assert loss.name == alias
    assert isinstance(losses.get({"class_name": "function", "config": name}), type(losses.mean_squared_error))


def test_functions_compute_at_once():
    y_true, y_pred = data("one_hot"), data("probabilities")
    record = next(r for r in CASES if r["class"] == "CategoricalCrossentropy" and r["arguments"] == {"reduction": None})
    value = kcompat.losses.categorical_crossentropy(y_true, y_pred)
    assert_close(value, expected("losses", record, "value"))
    assert value.dtype == np.float32
    assert kcompat.losses.mean_squared_error([[0.0, 1.0]], [[1.0, 1.0]]) == 0.5


SHAPES = [
    ((None, 1), (None, 1), "binary_crossentropy"),
    ((None,), (None, 1), "binary_crossentropy"),
    ((None,), (None, 5), "sparse_categorical_crossentropy"),
    ((None, 1), (None, 5), "sparse_categorical_crossentropy"),
    ((None, 5), (None, 5), "categorical_crossentropy"),
]


@pytest.mark.parametrize(("true", "pred", "name"), SHAPES)
def test_crossentropy_is_chosen_by_shapes(true, pred, name):
    assert losses.resolve_loss("crossentropy", true, pred).fn is getattr(losses, name)


def mixture(y_true, y_pred):
    return ops.mean(ops.square(y_true - y_pred), axis=-1) + losses.mean_absolute_error(y_true, y_pred)


class OwnLoss(losses.Loss):
    def call(self, y_true, y_pred):
        return mixture(y_true, y_pred)


@pytest.mark.parametrize("loss", [losses.resolve_loss(mixture, (), ()), OwnLoss()], ids=["function", "class"])
def test_own_losses(loss):
    y_true, y_pred = data("numbers"), data("numbers_pred")
    difference = (y_true - y_pred).astype("f8")
    assert_close(loss(y_true, y_pred), np.mean(difference**2) + np.mean(abs(difference)))
    assert loss.name == ("mixture" if not isinstance(loss, OwnLoss) else "own_loss")


class Doubled(losses.MeanSquaredError):
    def call(self, y_true, y_pred):
        return 2 * super().call(y_true, y_pred)


def test_own_losses_that_go_on_from_others():
    y_true, y_pred = data("numbers"), data("numbers_pred")
    assert_close(Doubled(reduction="sum")(y_true, y_pred), 2 * losses.MeanSquaredError(reduction="sum")(y_true, y_pred))
    assert_close(losses.Huber(0.3).call(y_true, y_pred), losses.huber(y_true, y_pred, 0.3))


def test_what_is_wrong_is_told():
    with pytest.raises(ArgumentError, match="unknown loss 'mes'"):
        losses.get("mes")
    with pytest.raises(ArgumentError, match="'reduction' must be"):
        losses.MeanSquaredError(reduction="average")
    with pytest.raises(ArgumentError, match="'q' must lie between 0 and 1"):
        losses.CategoricalGeneralizedCrossEntropy(q=1.0)
    for y_true in (data("labels"), data("labels_column")):
        with pytest.raises(ShapeError, match="use sparse_categorical_crossentropy"):
            losses.CategoricalCrossentropy()(y_true, data("probabilities"))
    with pytest.raises(ArgumentError, match="unknown loss 'binary_accuracy'"):
        losses.get("binary_accuracy")
    with pytest.raises(ShapeError, match="use categorical_crossentropy"):
        losses.SparseCategoricalCrossentropy()(data("one_hot"), data("probabilities"))
    with pytest.raises(InputError, match=r"loss 'sparse_categorical_crossentropy'.*label 7 at \(1,\)"):
        losses.SparseCategoricalCrossentropy()(np.array([0, 7]), data("probabilities")[:2])
    b = Emitter()
    y_true, x = (b.input(TensorType("float32", (2, 3))) for _ in range(2))
    probabilities = b.softmax(x)
    with pytest.warns(UserWarning, match="from_logits=True received the result of a softmax"):
        losses.CategoricalCrossentropy(from_logits=True).emit(b, y_true, probabilities)


def test_configs_of_keras_2():
    config = {"reduction": "auto", "name": "bce", "from_logits": True, "fn": "binary_crossentropy", "axis": -1}
    loss = losses.get({"class_name": "BinaryCrossentropy", "config": config})
    assert (loss.reduction, loss.name, loss.from_logits) == ("sum_over_batch_size", "bce", True)
    with pytest.raises((ConfigError, ArgumentError)):
        losses.get({"class_name": "BinaryCrossentropy", "config": {"magic": 1}})


def test_wrapped_functions_are_written_and_read():
    loss = losses.LossFunctionWrapper(losses.huber, reduction="sum", name="far", delta=0.5)
    again = losses.deserialize(losses.serialize(loss))
    assert again.get_config() == loss.get_config() == {"name": "far", "reduction": "sum", "fn": "huber", "delta": 0.5}
    y_true, y_pred = data("numbers"), data("numbers_pred")
    assert again(y_true, y_pred) == loss(y_true, y_pred)
