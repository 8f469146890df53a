"""Golden models of several eras written as ONNX and read back: what Keras recorded."""

import re
from pathlib import Path

import numpy as np
import onnx
import pytest
from golden import GoldenFile, golden_files

from kcompat.errors import SaveError
from kcompat.models import load_model
from kcompat.tree import flatten

ERAS = ("keras1_theano", "keras2_2", "keras3")
"""Both layouts and all generations; `tests/peers` has all eras, run by onnxruntime."""

FIRST = {
    file.record["npz"]: file
    for file in reversed(golden_files("load"))
    if file.record["era"] in ERAS and not file.unknown_layers
}


@pytest.mark.parametrize("file", FIRST.values(), ids=str)
def test_a_written_model_reads_back(file: GoldenFile, tmp_path: Path) -> None:
    model = file.load()
    if "lstm_stateful" in file.path:
        with pytest.raises(SaveError, match="keeps states"):
            model.export(tmp_path / "m.onnx")
        return
    model.export(tmp_path / "m.onnx")
    proto = onnx.load(tmp_path / "m.onnx")
    assert [value.name for value in proto.graph.input] == model.input_names
    for value, name in zip(proto.graph.output, model.output_names, strict=True):
        assert re.fullmatch(rf"{re.escape(name)}(_\d+)?", value.name), "a name that is there twice gets a number"
    inputs = file.arrays("input")
    arrays = model._arrays(inputs if len(inputs) > 1 else inputs[0], any_batch=True)
    given = dict(zip(model.input_names, arrays, strict=True)) if len(arrays) > 1 else arrays[0]
    expected = flatten(model(given))
    received = load_model(tmp_path / "m.onnx")(arrays if len(arrays) > 1 else arrays[0])
    for array, reference in zip(flatten(received), expected, strict=True):
        assert array.dtype == reference.dtype
        np.testing.assert_allclose(array.astype(np.float64), reference.astype(np.float64), rtol=1e-4, atol=1e-5)
