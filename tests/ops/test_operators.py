"""Operators on symbolic tensors, and what functions of tensors refuse."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kcompat
from kcompat import layers, ops
from kcompat.converters.keras.architecture import serialize_model
from kcompat.errors import ArgumentError, ConfigError, DtypeError, SaveError, ShapeError, UnknownLayerError
from kcompat.models import Functional, clone_model, load_model, model_from_json
from kcompat.naming import reset_names
from kcompat.reference import evaluate

X = np.array([[1.5, -2.0, 0.25, 3.0], [-0.5, 4.0, 2.0, -1.0]], np.float32)
Y = np.array([[0.5, 1.0, 2.0, -3.0], [2.0, -4.0, 0.5, 1.0]], np.float32)


@pytest.fixture(autouse=True)
def names() -> None:
    reset_names()


def model_of(function: Callable[..., Any], *arrays: np.ndarray) -> Functional:
    inputs = [kcompat.Input(array.shape[1:], dtype=array.dtype.name) for array in arrays]
    return Functional(inputs, function(*inputs))


def run(model: Functional, *arrays: np.ndarray) -> np.ndarray:
    return model.predict(list(arrays) if len(arrays) > 1 else arrays[0], verbose=0)


BINARY = ["add", "sub", "mul", "truediv", "floordiv", "mod", "lt", "le", "gt", "ge", "ne"]


@pytest.mark.parametrize("name", BINARY)
def test_binary_operators(name: str) -> None:
    function = getattr(operator, name)
    np.testing.assert_allclose(run(model_of(function, X, Y), X, Y), function(X, Y), rtol=1e-6)
    np.testing.assert_allclose(run(model_of(lambda x: function(x, 2.0), X), X), function(X, np.float32(2)), rtol=1e-6)
    if name != "ne":
        np.testing.assert_allclose(run(model_of(lambda x: function(2, x), X), X), function(np.float32(2), X), rtol=1e-6)


@pytest.mark.parametrize("name", ["and_", "or_", "xor"])
def test_logic(name: str) -> None:
    function, flags, others = getattr(operator, name), X > 0, Y > 0
    np.testing.assert_array_equal(run(model_of(function, flags, others), flags, others), function(flags, others))
    np.testing.assert_array_equal(run(model_of(lambda x: function(True, x), flags), flags), function(True, flags))


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (operator.neg, -X),
        (abs, abs(X)),
        (lambda x: round(x, 1), np.round(X, 1)),
        (round, np.round(X)),
        (lambda x: ~(x > 0), ~(X > 0)),
        (lambda x: x**2, X**2),
        (lambda x: 2.0**x, 2.0**X),
        (lambda x: x @ np.eye(4, 2, dtype=np.float32), X[:, :2]),
        (lambda x: np.float32(3) * x, X * 3),
        (lambda x: np.array([1, 2, 3, 4], np.float32) - x, np.array([1, 2, 3, 4]) - X),
        (lambda x: x.reshape((-1, 2)), X.reshape(-1, 2)),
        (lambda x: x[:, None].squeeze(1), X),
        (lambda x: x[:, 1:3], X[:, 1:3]),
        (lambda x: x[..., -1], X[:, -1]),
    ],
)
def test_other_operators(function: Callable[..., Any], expected: np.ndarray) -> None:
    np.testing.assert_allclose(run(model_of(function, X), X), expected, rtol=1e-6)


def test_an_index_may_be_a_tensor() -> None:
    places = np.array([[2], [-1]], np.int32)
    x, place = kcompat.Input((4,)), kcompat.Input(batch_shape=(), dtype="int32")
    model = Functional([x, place], x[:, place])
    outputs = [evaluate(model.graph(), [X, index])[0] for index in places[:, 0]]
    np.testing.assert_array_equal(outputs, [X[:, 2], X[:, 3]])


def test_names_are_those_of_keras() -> None:
    x = kcompat.Input((4,))
    y = layers.Dense(2)(x * 2 + 1 + ops.relu(x / x))
    names = [layer.name for layer in Functional(x, y[:, 0]).operations]
    assert names == ["input_layer", "multiply", "true_divide", "add", "relu", "add_1", "dense", "get_item"]


def test_operations_are_no_layers() -> None:
    x = kcompat.Input((4,))
    model = Functional(x, layers.Dense(2)(x * 2))
    assert [layer.name for layer in model.layers] == ["input_layer", "dense"]
    assert "multiply (Multiply)" in model_text(model)


def model_text(model: Functional) -> str:
    lines: list[str] = []
    model.summary(print_fn=lines.append)
    return "\n".join(lines)


def test_equality_is_identity() -> None:
    x = kcompat.Input((4,))
    assert x == x
    assert x in [x]
    assert hash(x) == hash(x)


@pytest.mark.parametrize(
    "function",
    [bool, list, np.asarray, lambda x: np.add(x, 1.0), lambda x: ops.convert_to_numpy(x)],
    ids=["bool", "iter", "array", "ufunc", "convert_to_numpy"],
)
def test_a_symbolic_tensor_has_no_elements(function: Callable[..., Any]) -> None:
    with pytest.raises((ArgumentError, TypeError), match=r"symbolic|ufunc"):
        function(kcompat.Input((4,)))


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda x: ops.reshape(x, (3, -2)), ArgumentError, r"'reshape' \(Reshape\).*-1"),
        (lambda x: ops.split(x, 3, axis=1), ShapeError, r"'split' \(Split\).*3 parts"),
        (lambda x: x[:, 7], ShapeError, "index 7 is out of range"),
        (lambda x: x[:, "a"], ArgumentError, "an index is an integer"),
        (lambda x: x[0, 0, 0], ArgumentError, "does not fit a tensor of shape"),
        (lambda x: x[:, :1.5], ArgumentError, "bounds of a slice"),
        (lambda x: x + kcompat.Input((3,)), ShapeError, "do not broadcast"),
        (lambda x: x + "a", ArgumentError, "a tensor, an array or numbers are needed"),
        (lambda x: (x > 0) + (x > 1), DtypeError, "add of booleans"),
        (lambda x: ops.where(x), ArgumentError, "unknown size"),
        (lambda x: ops.einsum("ab,c", x), ArgumentError, "no equation of 1 tensors"),
        (lambda x: ops.einsum("abc->a", x), ArgumentError, "does not fit"),
        (lambda x: ops.concatenate(x), ArgumentError, "a list of tensors"),
        (lambda x: ops.mean(x, axes=1), ArgumentError, "mean: .*axes"),
        (lambda x: ops.mean(x, axis="a"), ArgumentError, "'axis' must be"),
        (lambda x: ops.cast(x, "float31"), ArgumentError, "is no dtype"),
        (lambda x: ops.pad(x, 1, mode="reflect", constant_values=1), ArgumentError, "goes with mode='constant'"),
        (lambda x: ops.roll(x, 1, axis=0), ShapeError, "size of axis 0 must be known"),
        (lambda x: ops.take(x, [0.5], axis=1), ArgumentError, "indices are integers"),
        (lambda x: ops.slice(x, (0, 3), (1, 2)), ShapeError, "reaches beyond"),
        (lambda x: ops.image.resize(x, (2, 2)), ShapeError, "an image or a batch"),
        (lambda x: ops.max_pool(x, 2), ShapeError, "one to three spatial axes"),
        (lambda x: ops.norm(ops.expand_dims(x, 1), ord="nuc", axis=(1, 2)), ArgumentError, "nuc"),
        (lambda x: ops.one_hot(x, 3, sparse=True), ArgumentError, "sparse"),
    ],
)
def test_what_is_wrong_is_refused(function: Callable[..., Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        function(kcompat.Input((4,)))


def test_an_unknown_function_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match=r"kcompat\.ops has no function 'unique'"):
        _ = ops.unique
    assert "relu" in dir(ops.nn)
    assert "resize" in dir(ops.image)
    assert ops.numpy.mean is ops.mean


def test_arrays_are_computed_at_once() -> None:
    assert ops.add(1, 2.5).dtype == np.float32
    assert ops.add(np.ones(2, np.float64), 1).dtype == np.float64
    np.testing.assert_array_equal(ops.matmul(X, ops.eye(4)), X)
    np.testing.assert_array_equal(ops.arange(3) + ops.zeros((3,)), [0, 1, 2])
    assert ops.arange(3).dtype == np.int32
    assert ops.shape(kcompat.Input((4,))) == (None, 4)
    assert ops.size(kcompat.Input((4,))) is None


def odd_model() -> Functional:
    x = kcompat.Input((4,), name="x")
    y = (x * np.array([1, 2, 3, 4], np.float32))[..., 1:] + 1
    return Functional(x, layers.Dense(2)(ops.rms_normalization(y)))


def test_models_are_saved_loaded_and_cloned(tmp_path: Any) -> None:
    model = odd_model()
    expected = run(model, X)
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(run(loaded, X), expected)
    assert serialize_model(loaded) == serialize_model(model)
    clone = clone_model(model)
    clone.set_weights(model.get_weights())
    np.testing.assert_array_equal(run(clone, X), expected)


def test_hdf5_is_refused(tmp_path: Any) -> None:
    with pytest.raises(SaveError, match=r"'multiply' \(Multiply\): operations are not found"):
        odd_model().save(tmp_path / "model.h5")
    assert not list(tmp_path.iterdir())


def without_modules(document: Any) -> Any:
    if isinstance(document, dict):
        return {
            key: without_modules(item) for key, item in document.items() if key not in ("module", "registered_name")
        }
    return [without_modules(item) for item in document] if isinstance(document, list) else document


def test_hdf5_of_keras_leaves_the_modules_out() -> None:
    """`keras.ops.multiply` and `keras.layers.Multiply` are told apart by their entries."""
    x = kcompat.Input((4,))
    y = layers.Multiply()([x * 2.0, ops.cumsum(x, axis=1)])
    model = Functional(x, ops.cast(ops.softmax(layers.Softmax()(y)), "float64"))
    document = {**without_modules(serialize_model(model)), "keras_version": "3.15.1"}
    loaded = model_from_json(json.dumps(document))
    assert [type(layer) for layer in loaded.operations] == [type(layer) for layer in model.operations]
    np.testing.assert_array_equal(run(loaded, X), run(model, X))


def test_an_unknown_operation_is_refused_by_name() -> None:
    document = serialize_model(odd_model())
    entry = next(layer for layer in document["config"]["layers"] if layer["class_name"] == "Add")
    entry["class_name"], entry["module"] = "Inv", "keras.src.ops.linalg"
    with pytest.raises(UnknownLayerError, match=r"layer 'add' \(Inv\) is of class 'keras.src.ops.linalg.Inv'"):
        model_from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"class_name": "__numpy__", "config": {"value": [1, 2], "dtype": "object"}}, "an array needs numbers"),
        ({"class_name": "__numpy__", "config": {"value": ["a"], "dtype": "float32"}}, "an array needs numbers"),
        ({"class_name": "__tensor__", "config": {"dtype": "float32"}}, "an array needs numbers"),
        ({"class_name": "__lambda__", "config": {"value": "4wAAAAA="}}, "never executed"),
        ("text", "a tensor, an array or numbers are needed"),
        (None, "a tensor, an array or numbers are needed"),
    ],
)
def test_strange_constants_are_refused(value: Any, message: str) -> None:
    document = serialize_model(odd_model())
    entry = next(layer for layer in document["config"]["layers"] if layer["class_name"] == "Add")
    entry["inbound_nodes"][0]["args"][1] = value
    with pytest.raises(ConfigError, match=f"'add'.*{message}"):
        model_from_json(json.dumps(document))
