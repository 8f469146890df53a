"""Functions of TensorFlow in Keras 2 models: read as operations, or refused by name."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompat.errors import ConfigError, LoadError, UnknownLayerError
from kcompat.layers import Layer
from kcompat.models import model_from_json

FOLDER = Path(__file__).resolve().parent.parent.parent / "fixtures" / "operations"
RECORDS = {record["name"]: record for record in json.loads((FOLDER / "tensorflow.json").read_text())["cases"]}
READ = [name for name, record in RECORDS.items() if not record["refused"]]
REFUSED = [name for name, record in RECORDS.items() if record["refused"]]


def document(name: str) -> dict[str, Any]:
    return copy.deepcopy(RECORDS[name]["model"])


def arrays(name: str, kind: str) -> list[np.ndarray]:
    with np.load(FOLDER / "tensorflow.npz") as stored:
        count = sum(key.startswith(f"{name}/{kind}_") for key in stored.files)
        return [stored[f"{name}/{kind}_{index}"] for index in range(count)]


def check(name: str, config: dict[str, Any]) -> None:
    """Assert that a model computes what Keras 2 computed for this case."""
    model = model_from_json(json.dumps(config))
    inputs = arrays(name, "input")
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = outputs if isinstance(outputs, list) else [outputs]
    for actual, expected in zip(outputs, arrays(name, "output"), strict=True):
        assert actual.shape == expected.shape
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", READ)
def test_computes_what_tensorflow_computed(name: str) -> None:
    check(name, document(name))


@pytest.mark.parametrize("name", READ)
def test_written_in_the_form_of_keras_3(name: str) -> None:
    """The operations that stand for a function are a model of Keras 3."""
    model = model_from_json(json.dumps(document(name)))
    check(name, json.loads(model.to_json()) | {"keras_version": "3.15.1"})


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_known_is_refused_by_name(name: str) -> None:
    nodes = [layer["name"] for layer in document(name)["config"]["layers"] if layer["class_name"] != "InputLayer"]
    with pytest.raises(LoadError) as caught:
        model_from_json(json.dumps(document(name)))
    assert any(f"'{node}'" in str(caught.value) for node in nodes)


def test_an_unknown_function_is_named() -> None:
    config = document("nn.relu")
    node = config["config"]["layers"][1]
    node["config"]["function"] = "os.system"
    with pytest.raises(UnknownLayerError, match=r"layer 'tf.nn.relu' .* function 'os.system'.*custom_objects"):
        model_from_json(json.dumps(config))


def test_an_unknown_argument_is_refused() -> None:
    config = document("nn.relu")
    config["config"]["layers"][1]["inbound_nodes"][0][3]["blocks"] = 3
    with pytest.raises(ConfigError, match=r"'tf.nn.relu'.*blocks"):
        model_from_json(json.dumps(config))


def test_a_function_can_be_supplied() -> None:
    class Double(Layer):
        def emit(self, b: Any, x: Any) -> Any:
            return b.mul(x, 2.0)

    config = document("math.bessel_i0")
    name = next(layer["name"] for layer in config["config"]["layers"] if layer["class_name"] == "TFOpLambda")
    model = model_from_json(json.dumps(config), custom_objects={name: Double()})
    (x,) = arrays("math.bessel_i0", "input")
    np.testing.assert_array_equal(model.predict(x, verbose=0), x * 2)


def node_model(op: str, attr: dict[str, Any], constants: dict[str, Any], shape: list[Any]) -> dict[str, Any]:
    """A model of one TensorFlowOpLayer, as tf.keras of TensorFlow 2.0 to 2.3 wrote it."""
    node = {"name": op, "op": op, "input": ["input_1"], "attr": attr}
    layers = [
        {
            "class_name": "InputLayer",
            "name": "input_1",
            "config": {"batch_input_shape": shape, "dtype": "float32", "name": "input_1"},
            "inbound_nodes": [],
        },
        {
            "class_name": "TensorFlowOpLayer",
            "name": f"tf_op_layer_{op}",
            "config": {"name": op, "trainable": True, "dtype": None, "node_def": node, "constants": constants},
            "inbound_nodes": [[["input_1", 0, 0, {}]]],
        },
    ]
    ends = {"input_layers": [["input_1", 0, 0]], "output_layers": [[f"tf_op_layer_{op}", 0, 0]]}
    config = {"name": "model", "layers": layers, **ends}
    return {"class_name": "Model", "config": config, "keras_version": "2.3.0-tf"}


X = np.arange(24, dtype=np.float32).reshape(2, 3, 4) - 11

NODES: list[tuple[str, dict[str, Any], dict[str, Any], np.ndarray]] = [
    ("Mul", {}, {"0": 0.5}, X * 0.5),
    ("Sub", {}, {"0": 1.0}, 1 - X),
    ("RealDiv", {}, {"1": 4.0}, X / 4),
    ("Mean", {"keep_dims": {"b": True}}, {"1": [1, 2]}, X.mean((1, 2), keepdims=True)),
    ("Sum", {"keep_dims": {"b": False}}, {"1": 1}, X.sum(1)),
    ("Reshape", {}, {"1": [-1, 6]}, X.reshape(-1, 6)),
    ("Transpose", {}, {"1": [0, 2, 1]}, X.transpose(0, 2, 1)),
    ("ExpandDims", {}, {"1": 1}, X[:, None]),
    ("ConcatV2", {"N": {"i": "2"}}, {"1": (X * 0).tolist(), "2": -1}, np.concatenate([X, X * 0], -1)),
    ("Pack", {"N": {"i": "1"}, "axis": {"i": "1"}}, {}, X[:, None]),
    ("Cast", {"DstT": {"type": "DT_INT32"}}, {}, X.astype(np.int32)),
    ("Softmax", {}, {}, np.exp(X) / np.exp(X).sum(-1, keepdims=True)),
    ("LeakyRelu", {"alpha": {"f": 0.1}}, {}, np.where(X > 0, X, np.float32(0.1) * X)),
    ("ArgMax", {"output_type": {"type": "DT_INT64"}}, {"1": -1}, X.argmax(-1)),
    ("GatherV2", {}, {"1": [2, 0], "2": 1}, X[:, [2, 0]]),
    ("Pad", {}, {"1": [[0, 0], [1, 0], [0, 2]]}, np.pad(X, [(0, 0), (1, 0), (0, 2)])),
    ("Tile", {}, {"1": [1, 2, 1]}, np.tile(X, (1, 2, 1))),
    ("MatMul", {"transpose_b": {"b": True}}, {"1": np.eye(4)[:2].tolist()}, X @ np.eye(4, dtype=np.float32)[:2].T),
    (
        "StridedSlice",
        {"begin_mask": {"i": "1"}, "end_mask": {"i": "1"}, "shrink_axis_mask": {"i": "2"}},
        {"1": [0, 2, 0], "2": [0, 3, 4], "3": [1, 1, 2]},
        X[:, 2, ::2],
    ),
    ("Cumsum", {"reverse": {"b": True}}, {"1": 1}, X[:, ::-1].cumsum(1)[:, ::-1]),
]


@pytest.mark.parametrize(("op", "attr", "constants", "expected"), NODES, ids=[node[0] for node in NODES])
@pytest.mark.parametrize("as_text", [False, True])
def test_nodes(op: str, attr: dict[str, Any], constants: dict[str, Any], expected: np.ndarray, as_text: bool) -> None:
    config = node_model(op, attr, constants, [None, 3, 4])
    if as_text:
        layer = config["config"]["layers"][1]["config"]
        layer["node_def"] = json.dumps(layer["node_def"])
    outputs = model_from_json(json.dumps(config))(X)
    assert outputs.dtype == expected.dtype
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("node_def", "message"),
    [
        ({"op": "PyFunc", "attr": {"token": {"s": "cHlmdW5j"}}}, "operator 'PyFunc'"),
        ("\x00\x01", "neither an object nor JSON"),
        (["Relu"], "must be an object"),
        ({"op": "ResizeBilinear", "attr": {}}, "half_pixel_centers"),
    ],
)
def test_damaged_and_unknown_nodes_are_refused(node_def: Any, message: str) -> None:
    config = node_model("Relu", {}, {}, [None, 3, 4])
    config["config"]["layers"][1]["config"]["node_def"] = node_def
    with pytest.raises(LoadError, match=f"tf_op_layer_Relu.*{message}"):
        model_from_json(json.dumps(config))
