"""Int8 weights beyond the recorded cases: files, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from cases import LayerCase, named_case
from engines import layer_graph

from kcompat import layers, models
from kcompat.errors import ArgumentError, KcompatError, SaveError
from kcompat.layers import DTypePolicy
from kcompat.reference import evaluate

INT8 = {
    "module": "keras.dtype_policies",
    "class_name": "QuantizedDTypePolicy",
    "config": {"mode": "int8", "source_name": "float32"},
    "registered_name": None,
}


def built(case: LayerCase) -> Any:
    layer = getattr(layers, case.class_name).from_config(case.config)
    layer_graph(layer, case.inputs, case.input_shapes, case.arguments, case.call_kwargs)
    layer.set_weights(case.weights)
    return layer


@pytest.mark.parametrize("value", [INT8, "int8_from_float32", DTypePolicy("int8_from_float32")])
def test_policies_are_written_as_keras_does(value: Any) -> None:
    policy = DTypePolicy.parse(value)
    assert (policy.quantization_mode, policy.variable_dtype, policy.compute_dtype) == ("int8", "float32", "float32")
    assert policy.get_config() == INT8


@pytest.mark.parametrize("mode", ["int4", "int4/128", "float8", "gptq/4/128", "awq/4/128", "ternary"])
def test_other_modes_are_refused_by_name(mode: str) -> None:
    policy = {"class_name": "QuantizedDTypePolicy", "config": {"mode": mode, "source_name": "float32"}}
    with pytest.raises(ArgumentError, match=f"quantization mode '{mode}' is not supported"):
        layers.Dense(2, dtype=policy)


@pytest.mark.parametrize(
    "policy",
    ["int8_from_int32", "int8_from_", {"class_name": "DTypePolicyMap", "config": {"policy_map": {}}}],
)
def test_policies_without_a_floating_source_are_refused(policy: Any) -> None:
    with pytest.raises(ArgumentError, match="dtype policy"):
        layers.Dense(2, dtype=policy)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"class_name": "Int4QuantizationConfig", "config": {}}, "Int4QuantizationConfig is not supported"),
        ("AbsMaxQuantizer", "Int8QuantizationConfig or None"),
        (
            {
                "class_name": "Int8QuantizationConfig",
                "config": {
                    "activation_quantizer": {"class_name": "AbsMaxQuantizer", "config": {"value_range": [-300, 7]}}
                },
            },
            r"value_range.*\[-300, 7\]",
        ),
    ],
)
def test_other_quantizers_are_refused(config: Any, message: str) -> None:
    with pytest.raises(KcompatError, match=message):
        layers.Dense(2, dtype="int8_from_float32", quantization_config=config)


def test_weights_keep_their_order_in_files(tmp_path: Path) -> None:
    """Kernel, bias, scale: not the order of `weights`, in which what is trainable comes first."""
    case = named_case("quantized", "dense")
    layer = built(case)
    model = models.Sequential([layers.Input(case.inputs[0].shape[1:]), layer])
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    with h5py.File(tmp_path / "model.weights.h5") as file:
        stored = [file[f"layers/dense/vars/{index}"][()] for index in range(3)]
    bias, kernel, scale = layer.get_weights()
    for array, expected in zip(stored, [kernel, bias, scale], strict=True):
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == expected.dtype
    copy = models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(copy.predict(case.inputs[0], verbose=0), case.outputs[0], rtol=1e-5, atol=1e-6)
    assert copy.layers[0].get_config() == layer.get_config()


def test_keras_2_cannot_hold_quantized_layers(tmp_path: Path) -> None:
    model = models.Sequential([layers.Input((3,)), layers.Dense(2, dtype="int8_from_float32")])
    with pytest.raises(SaveError, match=r"'dense.*Keras 2 has no quantized dtype policies"):
        model.save(tmp_path / "model.h5", form="keras2")


def test_layers_that_cannot_be_quantized_compute_in_the_source() -> None:
    layer = layers.LayerNormalization(dtype="int8_from_float32")
    x = np.array([[1.0, 2.0, 4.0]], np.float32)
    np.testing.assert_array_equal(layer(x), layers.LayerNormalization()(x))
    assert layer.gamma.dtype == "float32"


def test_the_axis_of_a_quantizer_counts_where_the_layer_has_none() -> None:
    """Against ReversibleEmbedding's own case: one scale for a whole sample instead of one per step."""
    case = named_case("quantized", "reversible_embedding")
    config = json.loads(json.dumps(case.config))
    config["quantization_config"]["config"]["activation_quantizer"]["config"]["axis"] = [1, 2]
    layer = layers.ReversibleEmbedding.from_config(config)
    layer.build_once((None, None))
    layer.set_weights(case.weights)
    levels, scale = case.weights
    (x,) = case.inputs
    steps = 127 / (np.abs(x).max(axis=(1, 2), keepdims=True) + 1e-7)
    scores = np.rint(x * steps).astype(np.int64) @ levels.astype(np.int64).T / (steps * scale)
    graph = layer_graph(layer, case.inputs, case.input_shapes, case.arguments, {"reverse": True})
    np.testing.assert_allclose(evaluate(graph, case.inputs)[0], 2 * np.tanh(scores / 2), rtol=1e-5, atol=1e-6)
    assert json.loads(json.dumps(layer.get_config())) == config
