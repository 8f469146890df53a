"""Metrics against what real Keras computes, batch by batch."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from training_cases import assert_close, data, expected, records

from kcompat import losses, metrics, ops
from kcompat.config import CLASSES
from kcompat.errors import ArgumentError, ShapeError
from kcompat.ir import TensorType, verify
from kcompat.ir.types import type_of
from kcompat.layers.emitter import Emitter
from kcompat.reference import evaluate

CASES = records("metrics")


def made(record: dict[str, Any]) -> metrics.Metric:
    return CLASSES["keras.metrics"][record["class"]](**record["arguments"])


def take(metric: metrics.Metric, batch: list[Any], mask: str | None, open_batch: bool) -> None:
    """One batch, through a graph of its own."""
    given = [data(name) for name in batch]
    b = Emitter()
    types = [None if array is None else type_of(array) for array in given]
    if open_batch:
        types = [type and TensorType(type.dtype, ("batch", *type.shape[1:])) for type in types]
    values = [type and b.input(type) for type in types]
    masks = {} if mask is None else {"mask": b.input(type_of(data(mask)))}
    metric.emit_update(b, *values, **masks)
    evaluate(verify(b.build([])), [array for array in (*given, data(mask)) if array is not None])


@pytest.mark.parametrize("open_batch", [False, True], ids=["known", "open"])
@pytest.mark.parametrize("record", CASES, ids=lambda record: record["name"])
def test_results(record, open_batch):
    metric = made(record)
    for step, batch in enumerate(record["batches"]):
        take(metric, batch, record["mask"], open_batch)
        assert_close(metric.result(), expected("metrics", record, f"result_{step}"), f"after batch {step}")
    assert [variable.name for variable in metric.variables] == record["variables"]
    for place, variable in enumerate(metric.variables):
        state = expected("metrics", record, f"state_{place}")
        assert_close(variable.value, state, variable.name)
        assert variable.value.dtype == state.dtype
    metric.reset_state()
    assert not any(variable.value.any() for variable in metric.variables)


@pytest.mark.parametrize("record", CASES, ids=lambda record: record["name"])
def test_configs(record):
    metric = CLASSES["keras.metrics"][record["class"]](**{**record["arguments"], "name": record["config"]["name"]})
    config = json.loads(json.dumps(metric.get_config()))
    assert {key: config.get(key) for key in record["config"]} == record["config"]
    again = metrics.deserialize(metrics.serialize(metric))
    assert type(again) is type(metric)
    assert again.get_config() == metric.get_config()


ALIASES = {
    "mse": metrics.MeanSquaredError,
    "MAE": metrics.MeanAbsoluteError,
    "bce": metrics.BinaryCrossentropy,
    "AUC": metrics.AUC,
    "auc": metrics.AUC,
    "top_k_categorical_accuracy": metrics.TopKCategoricalAccuracy,
    "RootMeanSquaredError": metrics.RootMeanSquaredError,
}


@pytest.mark.parametrize(("alias", "cls"), ALIASES.items())
def test_metrics_by_name(alias, cls):
    assert type(metrics.get(alias)) is cls
    assert metrics.resolve_metric(alias, (None, 2), (None, 2)).name == alias


SHAPES = [
    ((None, 1), (None, 1), metrics.BinaryAccuracy),
    ((None,), (None, 1), metrics.BinaryAccuracy),
    ((None,), (None, 5), metrics.SparseCategoricalAccuracy),
    ((None, 1), (None, 5), metrics.SparseCategoricalAccuracy),
    ((None, 7), (None, 7, 5), metrics.SparseCategoricalAccuracy),
    ((None, 5), (None, 5), metrics.CategoricalAccuracy),
]


@pytest.mark.parametrize("name", ["accuracy", "acc", "Accuracy"])
@pytest.mark.parametrize(("true", "pred", "cls"), SHAPES)
def test_accuracy_is_chosen_by_shapes(true, pred, cls, name):
    metric = metrics.resolve_metric(name, true, pred)
    assert type(metric) is cls
    assert metric.name == name


def largest_error(y_true, y_pred):
    return ops.max(ops.abs(y_true - y_pred), axis=-1)


class Seen(metrics.Metric):
    """As people write metrics for Keras."""

    def __init__(self, name="seen", **kwargs):
        super().__init__(name=name, **kwargs)
        self.seen = self.add_variable(shape=(), initializer="zeros", name="seen")

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.seen.assign_add(ops.sum(ops.ones_like(y_true)))

    def result(self):
        return self.seen / 1.0


class Doubled(metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        super().update_state(ops.mean(2 * ops.abs(y_true - y_pred), axis=-1), sample_weight=sample_weight)


def test_own_metrics_that_go_on_from_others():
    y_true, y_pred, weight = data("numbers"), data("numbers_pred"), data("weights")
    metric = Doubled(name="doubled")
    assert not metric.emits
    expected = np.average(np.mean(2 * np.abs(y_true - y_pred), -1), weights=weight)
    assert_close(metric(y_true, y_pred, sample_weight=weight), expected)


def test_own_metrics():
    y_true, y_pred = data("numbers"), data("numbers_pred")
    metric = metrics.resolve_metric(largest_error, (6, 5), (6, 5))
    assert metric.name == "largest_error"
    assert_close(metric(y_true, y_pred), np.mean(np.max(np.abs(y_true - y_pred), -1)))
    of_loss = metrics.resolve_metric(losses.mean_absolute_error, (6, 5), (6, 5))
    assert_close(of_loss(y_true, y_pred), np.mean(np.abs(y_true - y_pred)))
    seen = Seen()
    assert not seen.emits
    assert metric.emits
    assert seen(y_true, y_pred) == 30
    assert seen(y_true, y_pred) == 60


def test_wrapped_functions_are_written_and_read():
    metric = metrics.MeanMetricWrapper(metrics.binary_accuracy, name="half", threshold=0.25)
    again = metrics.deserialize(metrics.serialize(metric))
    assert again.get_config() == metric.get_config()
    assert again.fn is metrics.binary_accuracy
    assert again([[1.0, 0.0]], [[0.3, 0.3]]) == 0.5
    wrapped = {"class_name": "function", "config": "mean_squared_error"}
    assert metrics.MeanMetricWrapper(wrapped).fn is losses.mean_squared_error


def test_functions_compute_at_once():
    y_true, y_pred = np.array([0, 2]), np.array([[0.9, 0.1, 0.0], [0.1, 0.7, 0.2]])
    np.testing.assert_array_equal(metrics.sparse_categorical_accuracy(y_true, y_pred), [1, 0])
    np.testing.assert_array_equal(metrics.sparse_top_k_categorical_accuracy(y_true, y_pred, k=2), [1, 1])
    np.testing.assert_array_equal(metrics.binary_accuracy([[1.0, 0.0]], [[0.9, 0.6]]), [[1, 0]])


def test_what_is_wrong_is_told():
    with pytest.raises(ArgumentError, match="unknown metric 'accurate'"):
        metrics.get("accurate")
    with pytest.raises(ShapeError, match="use sparse_categorical_accuracy"):
        metrics.CategoricalAccuracy()(data("labels"), data("probabilities"))
    with pytest.raises(ShapeError, match="use categorical_accuracy"):
        metrics.SparseCategoricalAccuracy()(data("one_hot"), data("probabilities"))
    with pytest.raises(ArgumentError, match="'thresholds' must be"):
        metrics.Precision(thresholds=2.0)
    with pytest.raises(ShapeError, match=r"class_id needs predictions \(samples, classes\)"):
        metrics.Recall(class_id=1)(data("yes_flat"), data("chance_flat"))
    with pytest.raises(ShapeError, match="multi_label needs predictions"):
        metrics.AUC(multi_label=True)(data("yes_flat"), data("chance_flat"))
    with pytest.raises(ArgumentError, match="'average' must be"):
        metrics.F1Score(average="all")
    with pytest.raises(ArgumentError, match="must be below num_classes=2"):
        metrics.IoU(2, [2])
    with pytest.warns(UserWarning, match="too few samples"):
        metrics.R2Score(num_regressors=40)(data("numbers"), data("numbers_pred"))
