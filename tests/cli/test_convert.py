"""kcompat convert and kcompat diff."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import kcompat as keras
from kcompat.converters.files import open_archive, open_hdf5

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"


@pytest.fixture
def model(tmp_path):
    """A small model in a file, and the folder that it is in."""
    layers = keras.layers
    model = keras.Sequential([keras.Input((3,), name="x"), layers.Dense(4), layers.Dense(2, name="y")])
    model.save(tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_the_proof_is_printed(kcompat, model, tmp_path):
    status, out, err = kcompat("convert", model, tmp_path / "model.h5")
    assert status == 0
    lines = out.splitlines()
    assert lines[0] == f"model.h5 against {model}, on x (2, 3):"
    assert lines[1].startswith("  y: ok, largest difference 0 absolute")
    assert lines[2] == f"written: {tmp_path / 'model.h5'}"
    assert err.splitlines() == [f"reading {model}", "writing .h5", "checking the written file"]
    assert kcompat("diff", model, tmp_path / "model.h5")[0] == 0


def test_no_check(kcompat, model, tmp_path):
    status, out, err = kcompat("convert", model, tmp_path / "model.h5", "--no-check", "--quiet")
    assert (status, err) == (0, "")
    assert out == f"written: {tmp_path / 'model.h5'} (not checked)\n"
    assert kcompat("convert", model, tmp_path / "b.h5", "--no-check", "--inputs", "x.npz")[0] == 2


def test_inputs_of_the_user(kcompat, model, tmp_path):
    np.savez(tmp_path / "in.npz", x=np.ones((5, 3), np.float32))
    arguments = ("convert", model, tmp_path / "model.h5", "--inputs", tmp_path / "in.npz")
    assert "on x (5, 3):" in kcompat(*arguments)[1]
    np.savez(tmp_path / "in.npz", y=np.ones((5, 3), np.float32))
    status, _, err = kcompat(*arguments)
    assert status == 2
    assert "takes x (or input_0), received y" in err


def test_json_and_weights_both_ways(kcompat, model, tmp_path):
    assert kcompat("convert", model, tmp_path / "out.json")[0] == 0
    weights = tmp_path / "out.weights.h5"
    assert kcompat("convert", tmp_path / "out.json", tmp_path / "b.keras", "--weights", weights)[0] == 0
    assert kcompat("diff", tmp_path / "out.json", model, "--weights-a", weights)[0] == 0
    assert kcompat("diff", tmp_path / "out.json", model)[0] == 3


def test_the_origin_is_noted(kcompat, model, tmp_path):
    note = f"kcompat {keras.__version__} from model.keras (.keras archive, Keras 3.15.1)"
    for name in ("b.keras", "b.h5", "b.json"):
        assert kcompat("convert", model, tmp_path / name)[0] == 0
    with open_archive(tmp_path / "b.keras") as archive:
        assert archive.read_json("metadata.json")["kcompat_origin"] == note
    with open_hdf5(tmp_path / "b.h5") as root:
        assert root.attr_text("kcompat_origin") == note
    assert json.loads((tmp_path / "b.json").read_text())["kcompat_origin"] == note


def test_another_model_differs(kcompat, model, tmp_path):
    other = keras.models.load_model(model)
    kernel, bias = other.layers[0].get_weights()
    other.layers[0].set_weights([kernel * 1.01, bias])
    other.save(tmp_path / "other.keras")
    status, out, _ = kcompat("diff", model, tmp_path / "other.keras")
    assert status == 1
    assert "y: DIFFERS, largest difference " in out
    assert kcompat("diff", model, tmp_path / "other.keras", "--atol", 1)[0] == 0


def test_models_that_cannot_be_compared(kcompat, model, digits):
    status, _, err = kcompat("diff", model, digits / "digits_cnn.h5")
    assert status == 2
    assert err.startswith("kcompat: ")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("model.png",), 2, "the ending '.png' is none of .keras, .h5, .onnx and .json"),
        (("model.keras",), 2, "is the source itself"),
        (("b.keras", "--opset", 17), 2, "opset is not for .keras files"),
        (("b.h5", "--check-with", "onnxruntime"), 2, "onnxruntime does not read .h5 files"),
        (("b.h5", "--custom", "absent_module:Layer"), 2, "No module named 'absent_module'"),
        (("b.h5", "--custom", "layer"), 2, "MODULE:OBJECT or NAME=MODULE:OBJECT is expected"),
        (("b.h5", "--shape", "x=a"), 2, "NAME=1,3,224,224 is expected"),
        (("absent/b.h5",), 3, "cannot be written"),
        (("b.h5", "--report", "r.md"), 2, "--report is for a folder of models"),
    ],
)
def test_what_is_refused(kcompat, model, monkeypatch, arguments, status, message):
    monkeypatch.chdir(model.parent)
    found, out, err = kcompat("convert", "model.keras", *arguments)
    assert (found, out) == (status, "")
    assert message in err
    assert [path.name for path in model.parent.iterdir()] == ["model.keras"]


def test_a_layer_that_the_format_lacks_leaves_the_old_file(kcompat, golden, tmp_path):
    (tmp_path / "b.h5").write_text("old")
    status, _, err = kcompat("convert", golden / "locally_connected.h5", tmp_path / "b.h5")
    assert status == 3
    assert "Keras 3 has no such layer" in err
    assert (tmp_path / "b.h5").read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_keep_does_not_replace(kcompat, model, tmp_path):
    (tmp_path / "b.h5").write_text("old")
    assert kcompat("convert", model, tmp_path / "b.h5", "--keep")[0] == 3
    assert (tmp_path / "b.h5").read_text() == "old"


def test_custom_classes(kcompat, golden, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_layers.py").write_text(
        "import kcompat\n"
        "class Scale(kcompat.Layer):\n"
        "    def __init__(self, factor=1.0, **kwargs):\n"
        "        super().__init__(**kwargs)\n"
        "        self.factor = factor\n"
        "    def build(self, input_shape):\n"
        "        self.scale = self.add_weight((input_shape[-1],), 'ones', name='scale')\n"
        "    def emit(self, b, x):\n"
        "        return b.mul(b.mul(x, self.scale), self.factor)\n"
        "    def get_config(self):\n"
        "        return {**super().get_config(), 'factor': self.factor}\n"
    )
    status, _, err = kcompat("convert", golden / "custom_layer.h5", "b.h5", "--custom", "my_layers:Scale")
    assert (status, err.splitlines()[-1]) == (0, "checking the written file")


def test_warnings_are_one_line(kcompat, tmp_path):
    import warnings

    source = FIXTURES / "saved_models" / "tfkeras2_13" / "nested"
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        status, _, err = kcompat("convert", source, tmp_path / "m.keras")
    assert status == 0
    told = [line for line in err.splitlines() if "warning" in line]
    assert all(line.startswith("kcompat: warning: ") for line in told)


class TestFolders:
    @pytest.fixture
    def models(self, model, golden):
        folder = model.parent / "models"
        (folder / "inner").mkdir(parents=True)
        shutil.copy(model, folder / "a.keras")
        shutil.copy(model, folder / "b.keras")
        shutil.copy(golden / "mlp_sequential.h5", folder / "inner" / "a.h5")
        shutil.copy(golden / "mlp_sequential.json", folder / "mlp_sequential.json")
        shutil.copy(golden / "mlp_sequential_weights.h5", folder / "mlp_sequential.weights.h5")
        (folder / "readme.txt").write_text("nothing")
        return folder

    def test_all_that_is_a_model(self, kcompat, models, tmp_path):
        report = tmp_path / "report.json"
        status, out, err = kcompat("convert", models, tmp_path / "out", "--to", "h5", "--report", report)
        assert status == 0
        assert out.splitlines() == [
            "converted: a.keras -> a.h5",
            "converted: b.keras -> b.h5",
            "converted: mlp_sequential.json -> mlp_sequential.h5",
            "converted: inner/a.h5 -> inner/a.h5",
        ]
        assert "[3/4] mlp_sequential.json" in err
        found = json.loads(report.read_text())
        assert found["counts"] == {"converted": 4, "differs": 0, "refused": 0}
        assert found["models"][0]["difference"] == 0
        assert kcompat("diff", models / "inner" / "a.h5", tmp_path / "out" / "inner" / "a.h5")[0] == 0

    def test_what_fails_stops_nothing(self, kcompat, models, tmp_path):
        (models / "a.h5").write_bytes((models / "inner" / "a.h5").read_bytes()[:-3000])
        report = tmp_path / "report.md"
        status, out, _ = kcompat("convert", models, tmp_path / "out", "--to", "keras", "--report", report)
        assert status == 3
        assert out.splitlines()[0].startswith("refused: a.h5: ")
        assert sorted(path.name for path in (tmp_path / "out").rglob("*.keras")) == [
            "a.keras",
            "a.keras.keras",
            "b.keras",
            "mlp_sequential.keras",
        ]
        text = report.read_text()
        assert text.startswith("5 models: 4 converted, 0 differs, 1 refused\n")
        assert "| a.keras | a.keras.keras | converted | 0 | " in text

    def test_an_empty_folder(self, kcompat, tmp_path):
        (tmp_path / "empty").mkdir()
        status, _, err = kcompat("convert", tmp_path / "empty", tmp_path / "out", "--to", "h5")
        assert status == 2
        assert "there is no model in this folder" in err

    def test_to_is_needed(self, kcompat, models, tmp_path):
        assert kcompat("convert", models, tmp_path / "out")[0] == 2
