"""onnxruntime computes with what kcompat writes what real Keras recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from golden import GoldenFile, golden_files

from kcompat import layers
from kcompat.layers import Input
from kcompat.models import Model
from kcompat.tree import flatten

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

STATEFUL = "lstm_stateful"
"""Refused: an ONNX model keeps no states."""

FIRST = {
    file.record["npz"]: file
    for file in reversed(golden_files("load"))
    if STATEFUL not in file.path and not file.unknown_layers
}
FILES = list(FIRST.values())[::-1]


def run(path: Path, inputs: dict[str, np.ndarray]) -> list[Any]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def operators(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


@pytest.mark.parametrize("file", FILES, ids=str)
def test_a_written_model_computes_what_keras_recorded(file: GoldenFile, tmp_path: Path) -> None:
    model = file.load()
    model.export(tmp_path / "m.onnx")
    assert not {"If", "Loop", "Scan"} & set(operators(tmp_path / "m.onnx"))
    inputs = file.arrays("input")
    arrays = model._arrays(inputs if len(inputs) > 1 else inputs[0], any_batch=True)
    outputs = run(tmp_path / "m.onnx", dict(zip(model.input_names, arrays, strict=True)))
    expected = file.arrays("output")
    if isinstance(model.output_structure, dict):
        expected = flatten(dict(zip(model.output_structure, expected, strict=True)))
    tolerance = {"rtol": 1e-4, "atol": 1e-5, **(file.record.get("tol") or {})}
    for array, reference in zip(outputs, expected, strict=True):
        assert array.shape == reference.shape
        np.testing.assert_allclose(array.astype(np.float64), reference.astype(np.float64), **tolerance)


def randomise(model: Model) -> Model:
    rng = np.random.default_rng(0)
    model.set_weights([rng.normal(size=w.shape).astype(w.dtype) / 2 for w in model.weights])
    return model


@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
@pytest.mark.parametrize("zeros", [False, True], ids=["repeats", "zeros"])
@pytest.mark.parametrize("kind", [layers.LSTM, layers.GRU, layers.SimpleRNN])
@pytest.mark.parametrize("time", [6, None], ids=["known", "open"])
def test_any_steps_can_be_masked(kind: Any, zeros: bool, backwards: bool, time: int | None, tmp_path: Path) -> None:
    """At the start, in between, at the end, all and none; with states to begin with."""
    x, mask, state = Input((time, 3)), Input((time,), dtype="bool"), Input((4,))
    states = [state] * (2 if kind is layers.LSTM else 1)
    layer = kind(4, return_sequences=True, return_state=True, go_backwards=backwards, zero_output_for_mask=zeros)
    model = randomise(Model([x, mask, state], layer(x, initial_state=states, mask=mask)))
    model.export(tmp_path / "m.onnx")
    assert not {"If", "Loop", "Scan"} & set(operators(tmp_path / "m.onnx"))
    rng = np.random.default_rng(1)
    masks = np.array([[0, 1, 1, 0, 1, 1], [1, 0, 0, 0, 1, 0], [1] * 6, [0] * 6, [0, 0, 1, 1, 0, 0]], bool)
    arrays = [rng.normal(size=(5, 6, 3)).astype("float32"), masks, rng.normal(size=(5, 4)).astype("float32")]
    received = run(tmp_path / "m.onnx", dict(zip(model.input_names, arrays, strict=True)))
    for array, expected in zip(received, model(arrays), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("opset", [17, 18, 20, 21, 23])
def test_a_transformer_block_in_several_opsets(opset: int, tmp_path: Path) -> None:
    x = Input((None, 8))
    y = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x, use_causal_mask=True))
    z = layers.Dense(8, activation="gelu")(layers.RMSNormalization()(y))
    model = randomise(Model(x, layers.GlobalMaxPooling1D()(layers.GroupNormalization(2)(z))))
    model.export(tmp_path / "m.onnx", opset=opset)
    data = np.random.default_rng(1).normal(size=(3, 5, 8)).astype("float32")
    (received,) = run(tmp_path / "m.onnx", {model.input_names[0]: data})
    np.testing.assert_allclose(received, model(data), rtol=1e-4, atol=1e-5)


def test_zeros_around_negative_numbers_are_pooled(tmp_path: Path) -> None:
    """onnxruntime fuses Pad and MaxPool as if zeros were MaxPool's own padding."""
    x = Input((4, 4, 1))
    model = Model(x, layers.MaxPooling2D(3)(layers.ZeroPadding2D(1)(x)))
    model.export(tmp_path / "m.onnx")
    (received,) = run(tmp_path / "m.onnx", {model.input_names[0]: np.full((1, 4, 4, 1), -1, "float32")})
    assert received.max() == 0
