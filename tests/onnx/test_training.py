"""Fine-tuning of ONNX models: weights by name, frozen by pattern, written back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from kcompat import layers, models, optimizers
from kcompat.errors import ArgumentError
from kcompat.models import load_model
from kcompat.models.graph_model import GraphModel

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 1, 6, 6)).astype(np.float32)
LABELS = RNG.integers(0, 3, 32)
WEIGHTS = {
    "conv.weight": RNG.normal(size=(4, 1, 3, 3)),
    "conv.bias": RNG.normal(size=(4,)),
    "bn.scale": RNG.uniform(0.5, 1.5, 4),
    "bn.bias": RNG.normal(size=(4,)),
    "bn.mean": RNG.normal(size=(4,)),
    "bn.var": RNG.uniform(0.5, 1.5, 4),
    "half": np.array(0.5),
    "fc.weight": RNG.normal(size=(3, 16)),
    "fc.bias": RNG.normal(size=(3,)),
}


def cnn(path: Path) -> GraphModel:
    """Conv, BatchNormalization, Relu, MaxPool, Flatten, Gemm, Softmax."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "conv.weight", "conv.bias"], ["c"]),
        node("BatchNormalization", ["c", "bn.scale", "bn.bias", "bn.mean", "bn.var"], ["n"]),
        node("Mul", ["n", "half"], ["m"]),
        node("Relu", ["m"], ["r"]),
        node("MaxPool", ["r"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", ["p"], ["f"]),
        node("Gemm", ["f", "fc.weight", "fc.bias"], ["g"], transB=1),
        node("Softmax", ["g"], ["y"], axis=-1),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "cnn",
        [value("x", TensorProto.FLOAT, ["batch", 1, 6, 6])],
        [value("y", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(array.astype(np.float32), name) for name, array in WEIGHTS.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    model = load_model(path)
    assert isinstance(model, GraphModel)
    return model


def twin() -> models.Model:
    """The same network of layers, with the same weights."""
    model = models.Sequential(
        [
            layers.Input((1, 6, 6)),
            layers.Conv2D(4, 3, data_format="channels_first"),
            layers.BatchNormalization(axis=1, epsilon=1e-5, trainable=True),
            layers.Rescaling(0.5),
            layers.ReLU(),
            layers.MaxPooling2D(2, data_format="channels_first"),
            layers.Flatten(),
            layers.Dense(3, "softmax"),
        ]
    )
    w = WEIGHTS
    norm = [w["bn.scale"], w["bn.bias"], w["bn.mean"], w["bn.var"]]
    model.set_weights([w["conv.weight"].transpose(2, 3, 1, 0), w["conv.bias"], *norm, w["fc.weight"].T, w["fc.bias"]])
    return model


def test_what_is_trained(tmp_path: Path) -> None:
    model = cnn(tmp_path / "m.onnx")
    fixed = {"bn.mean", "bn.var", "half"}
    assert [w.name for w in model.weights] == list(WEIGHTS)
    assert {w.name for w in model.trainable_weights} == set(WEIGHTS) - fixed
    assert model.freeze("conv*", "bn.*") == [name for name in WEIGHTS if name[:2] in ("co", "bn")]
    assert [w.name for w in model.trainable_weights] == ["fc.weight", "fc.bias"]
    assert model.unfreeze("conv.bias") == ["conv.bias"]
    with pytest.raises(ArgumentError, match="no weight 'dense'; it has"):
        model.freeze("dense")


def test_frozen_parts_train_as_layers_do(tmp_path: Path) -> None:
    """The head alone, where both networks have fixed statistics."""
    model, other = cnn(tmp_path / "m.onnx"), twin()
    model.freeze("conv*", "bn*")
    for layer in other.layers[:-1]:
        layer.trainable = False
    logs = []
    for each in (model, other):
        each.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        logs.append(each.fit(X, LABELS, epochs=6, batch_size=8, shuffle=False, verbose=0).history)
    for key, values in logs[0].items():
        np.testing.assert_allclose(values, logs[1][key], rtol=1e-4)
    np.testing.assert_allclose(model.weights[-2].value, other.weights[-2].value.T, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(model.weights[0].value, WEIGHTS["conv.weight"].astype(np.float32))
    np.testing.assert_allclose(model.predict(X, verbose=0), other.predict(X, verbose=0), rtol=1e-4, atol=1e-5)


def test_all_of_it_learns_and_is_written_back(tmp_path: Path) -> None:
    model = cnn(tmp_path / "m.onnx")
    model.compile(optimizers.Adam(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(X, LABELS, epochs=60, batch_size=8, verbose=0).history
    assert history["accuracy"][-1] > 0.9
    assert model.evaluate(X, LABELS, verbose=0)[1] > 0.9
    model.save(tmp_path / "trained.onnx")
    again = load_model(tmp_path / "trained.onnx")
    np.testing.assert_allclose(again.predict(X, verbose=0), model.predict(X, verbose=0), rtol=1e-4, atol=1e-6)
