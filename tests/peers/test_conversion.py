"""Converted files, asked of onnxruntime and real Keras."""

from pathlib import Path

import pytest

from kcompat.cli import main
from kcompat.converters import convert, diff

GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "golden"
MODELS = [
    "keras2_0/cnn_small.h5",
    "keras3/mlp_functional.h5",
    "keras3/multi_input_output.h5",
    "tfkeras2_13/merges.keras",
    "tfkeras2_21/nested_functional.keras",
]

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]


@pytest.mark.parametrize("path", MODELS)
@pytest.mark.parametrize(("ending", "runtime"), [(".onnx", "onnxruntime"), (".keras", "keras"), (".h5", "keras")])
def test_runtimes_agree(path, ending, runtime, tmp_path):
    found = convert(GOLDEN / path, tmp_path / f"m{ending}", check_with=[runtime])
    assert [check.same for check in found.checks] == [True, True]
    assert f"in {runtime} " in found.checks[1].second


@pytest.mark.parametrize(
    "path", ["keras2_2/locally_connected.h5", "keras2_0/pool2d_theano.h5", "tfkeras2_10/advanced_activations.h5"]
)
def test_what_keras_3_has_no_layer_for(path, tmp_path):
    found = convert(GOLDEN / path, tmp_path / "m.keras", check_with=["keras"])
    assert [check.same for check in found.checks] == [True, True]


@pytest.mark.parametrize("path", MODELS)
def test_back_from_onnx_in_real_keras(path, tmp_path):
    convert(GOLDEN / path, tmp_path / "m.onnx", inputs_as_nchw=True)
    found = convert(tmp_path / "m.onnx", tmp_path / "m.keras", check_with=["keras"])
    assert found.checks[1].same


@pytest.mark.parametrize("path", MODELS)
def test_architecture_and_weights_in_real_keras(path, tmp_path):
    import keras
    import numpy as np

    convert(GOLDEN / path, tmp_path / "m.json")
    model = keras.models.model_from_json((tmp_path / "m.json").read_text())
    model.load_weights(tmp_path / "m.weights.h5")
    with np.load((GOLDEN / path).with_suffix(".npz")) as arrays:
        inputs = [arrays[f"input_{index}"] for index in range(len(model.inputs))]
        outputs = keras.tree.flatten(model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0))
        for index, output in enumerate(outputs):
            np.testing.assert_allclose(output, arrays[f"output_{index}"], 1e-4, 1e-5)


def test_both_files_in_a_runtime(tmp_path):
    source = GOLDEN / "keras3" / "mlp_functional.h5"
    convert(source, tmp_path / "m.onnx")
    convert(source, tmp_path / "m.keras")
    checks = diff(tmp_path / "m.onnx", tmp_path / "m.keras", check_with=["onnxruntime", "keras"])
    assert [check.same for check in checks] == [True] * 3


def test_the_command(tmp_path, capsys):
    source = GOLDEN / "keras3" / "mlp_functional.h5"
    arguments = ["convert", str(source), str(tmp_path / "m.onnx"), "--check-with", "onnxruntime"]
    assert main(arguments) == 0
    assert "m.onnx in onnxruntime " in capsys.readouterr().out
