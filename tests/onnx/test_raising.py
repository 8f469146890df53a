"""ONNX graphs raised to layers: the layers wanted, and the same outputs."""

import numpy as np
import pytest
from onnx import TensorProto, helper
from raised import Case, node
from raised_images import IMAGES
from raised_sequences import SEQUENCES

import kcompat
from kcompat.converters.onnx import model_from_proto
from kcompat.converters.onnx.raising import Raising, raise_model, to_keras
from kcompat.errors import SaveError
from kcompat.models.graph_model import GraphModel

named = pytest.mark.parametrize("case", [*IMAGES, *SEQUENCES], ids=lambda case: case.name)


def listed(outputs: object) -> list[np.ndarray]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [np.asarray(outputs)]


def check(model: GraphModel, raising: Raising, x: np.ndarray) -> None:
    outputs = listed(raising.model.predict(raising.keras_inputs([x])[0], verbose=0))
    for actual, expected in zip(raising.onnx_outputs(outputs), listed(model(x)), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@named
def test_layers_and_outputs(case: Case) -> None:
    raising = raise_model(case.model)
    assert " ".join(type(layer).__name__ for layer in raising.model.operations[1:]) == case.layers
    check(case.model, raising, case.x)


@named
def test_interface_of_onnx(case: Case) -> None:
    raising = raise_model(case.model, channels_first_interface=True)
    assert all(order == tuple(range(len(order))) for order in (*raising.inputs, *raising.outputs))
    check(case.model, raising, case.x)


@named
def test_saved(case: Case, tmp_path) -> None:
    raising = raise_model(case.model)
    raising.model.save(tmp_path / "m.keras")
    again = kcompat.load_model(tmp_path / "m.keras")
    check(case.model, Raising(again, raising.inputs, raising.outputs), case.x)
    if case.h5:
        raising.model.save(tmp_path / "m.h5")
    else:
        with pytest.raises(SaveError, match="operations are not found"):
            raising.model.save(tmp_path / "m.h5")


@named
def test_other_sizes(case: Case) -> None:
    """What is open in the file is open in the result."""
    rng = np.random.default_rng(2)
    shape = [size if isinstance(size, int) else 3 for size in case.shape]
    x = rng.integers(0, case.integers, shape) if case.integers else rng.normal(size=shape).astype("f4")
    check(case.model, raise_model(case.model), x)


@pytest.mark.parametrize("name", ["cnn", "multi_head_attention", "bidirectional", "folded_batch_norm"])
def test_trains(name: str) -> None:
    case = next(case for case in [*IMAGES, *SEQUENCES] if case.name == name)
    raising = raise_model(case.model)
    x = raising.keras_inputs([case.x])[0]
    before = raising.model.get_weights()
    raising.model.compile("adam", "mse")
    losses = raising.model.fit(x, np.zeros_like(raising.model.predict(x, verbose=0)), epochs=3, verbose=0)
    assert losses.history["loss"][-1] < losses.history["loss"][0]
    assert all(np.any(old != new) for old, new in zip(before, raising.model.get_weights(), strict=True))


def test_sizes_that_the_caller_gives() -> None:
    nodes = [node("MaxPool", "x", "p", kernel_shape=[2, 2]), node("Reshape", "p s", "y"), node("Shape", "p", "s")]
    model = graph([nodes[0], nodes[2], nodes[1]], {"x": ["N", 3, "H", "W"]}, ["y"])
    raising = raise_model(model, input_shapes={"x": (None, 3, 8, 6)})
    assert raising.model.inputs[0].shape == (None, 8, 6, 3)
    check(model, raising, np.random.default_rng(0).normal(size=(2, 3, 8, 6)).astype("f4"))


def graph(nodes: list, inputs: dict[str, list], outputs: list[str]) -> GraphModel:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in inputs.items()]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    return model_from_proto(helper.make_model(helper.make_graph(nodes, "g", values, results)))


def test_inputs_and_outputs_keep_their_order() -> None:
    nodes = [node("Neg", "b", "n"), node("Tanh", "a", "t")]
    model = to_keras(graph(nodes, {"a": ["N", 3], "b": ["N", 2]}, ["t", "n"]))
    assert model.input_names == ["a", "b"]
    assert [tensor.shape for tensor in model.outputs] == [(None, 3), (None, 2)]


def test_names_are_those_of_modules() -> None:
    names = ["/features/features.0/conv/Conv", "/features/features.0/act/Relu", "/head/Relu", "/head/Relu_1"]
    nodes = [node("Relu", f"t{index}", f"t{index + 1}", name) for index, name in enumerate(names)]
    model = to_keras(graph(nodes, {"t0": ["N", 3]}, ["t4"]))
    assert [layer.name for layer in model.layers] == ["t0", "features_0_conv", "features_0_act", "head", "head_1"]


@pytest.mark.parametrize(
    ("nodes", "inputs", "message"),
    [
        ([node("Relu", "a", "y")], {"a": []}, "input 'a' has no axes"),
        ([node("Add", "a b", "y")], {"a": [2, 3], "b": [1, 3]}, r"first axes of sizes \[1, 2\]"),
        ([node("Det", "a", "y")], {"a": [2, 3, 3]}, r"\(Det\).*nothing like the operator"),
        ([node("Shape", "a", "y")], {"a": [2, 3]}, "depends on no input"),
    ],
)
def test_refusals(nodes: list, inputs: dict[str, list], message: str) -> None:
    with pytest.raises(SaveError, match=message):
        to_keras(graph(nodes, inputs, ["y"]))
