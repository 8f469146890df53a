"""kcompat show."""

import json
import zipfile

import onnx
import pytest
from onnx import TensorProto, helper

import kcompat as package


def test_show_prints_the_summary_and_the_origin(kcompat, digits):
    status, out, err = kcompat("show", digits / "digits_cnn.keras")
    assert (status, err) == (0, "")
    assert out.startswith('Model: "digits_cnn"\n┏━')
    assert "│ conv_1 (Conv2D)" in out
    assert " Total params: 22,954 (89.66 KB)\n" in out or " Trainable params: 22,954 (89.66 KB)\n" in out
    assert out.splitlines()[-3:] == [
        " Input: image (None, 8, 8, 1) float32",
        " Output: digit (None, 10) float32",
        " File: .keras archive, 310.99 KB, written by Keras 3.15.1, 2026-11-22@03:15:16",
    ]


def test_hdf5(kcompat, digits, golden):
    assert kcompat("show", digits / "digits_cnn.h5")[1].splitlines()[-1] == (
        " File: HDF5 file of a whole model, 318.56 KB, written by Keras 2.21.0 on tensorflow"
    )
    assert kcompat("show", golden / "multi_input_output.h5")[1].splitlines()[-6:-1] == [
        " Input: image (None, 6, 6, 1) float32",
        " Input: meta (None, 4) float32",
        " Output: kind (None, 3) float32",
        " Output: score (None, 1) float32",
        " Output: dense_1 (None, 3) float32",
    ]


@pytest.mark.parametrize("ending", [".keras", ".h5", ".json", ".onnx"])
def test_what_a_file_was_converted_from(kcompat, golden, tmp_path, ending):
    target = tmp_path / f"m{ending}"
    assert kcompat("convert", golden / "mlp_sequential.h5", target)[0] == 0
    lines = kcompat("show", target)[1].splitlines()
    assert lines[-1] == (
        f" Origin: kcompat {package.__version__} from mlp_sequential.h5 (HDF5 file of a whole model, Keras 2.2.4)"
    )
    if ending == ".onnx":
        assert lines[-2].startswith(" File: ONNX model, opset 17, ")
        assert lines[-2].endswith(f", written by kcompat {package.__version__}")


def test_a_saved_model(kcompat, golden):
    folder = golden.parents[1] / "saved_models" / "tfkeras2_13" / "nested"
    last = kcompat("show", folder)[1].splitlines()[-1]
    assert last.startswith(" File: TensorFlow SavedModel, ")
    assert last.endswith(", written by Keras 2.13.1 on tensorflow")


def test_an_unzipped_archive(kcompat, digits, tmp_path):
    with zipfile.ZipFile(digits / "digits_cnn.keras") as archive:
        archive.extractall(tmp_path / "model")
    status, out, _ = kcompat("show", tmp_path / "model", "--json")
    file = json.loads(out)["file"]
    size = sum(path.stat().st_size for path in (tmp_path / "model").iterdir())
    assert status == 0
    assert (file["format"], file["size"], file["keras_version"]) == ("unzipped .keras archive", size, "3.15.1")


def test_an_architecture_needs_no_weights(kcompat, golden):
    status, out, _ = kcompat("show", golden / "mlp_sequential.json")
    assert status == 0
    assert "written by Keras 2.2.4 on tensorflow" in out.splitlines()[-1]
    assert " File: architecture in JSON" in out


def test_json(kcompat, digits):
    status, out, _ = kcompat("show", digits / "digits_cnn.h5", "--json")
    found = json.loads(out)
    assert status == 0
    assert found["file"]["backend"] == "tensorflow"
    assert found["model"] == {
        "name": "digits_cnn",
        "class": "Sequential",
        "parameters": 22954,
        "trainable_parameters": 22954,
    }
    assert found["inputs"] == [{"name": "image", "shape": [None, 8, 8, 1], "dtype": "float32"}]
    assert found["outputs"] == [{"name": "digit", "shape": [None, 10], "dtype": "float32"}]
    assert found["layers"][0] == {"name": "conv_1", "class": "Conv2D", "parameters": 160}


def test_graph(kcompat, digits):
    status, out, _ = kcompat("show", digits / "digits_cnn.h5", "--graph")
    assert status == 0
    assert out.startswith("graph(%image: f32[batch,8,8,1]) {\n  %0 = conv(%image, @conv_1/kernel f32[3,3,1,16]")


def test_expand_nested(kcompat, golden):
    plain = kcompat("show", golden / "nested_functional.h5")[1]
    nested = kcompat("show", golden / "nested_functional.h5", "--expand-nested")[1]
    assert "   └ " in nested
    assert "   └ " not in plain


def test_an_unbuilt_model(kcompat, tmp_path):
    path = tmp_path / "unbuilt.json"
    path.write_text(
        '{"class_name": "Sequential", "config": [{"class_name": "Dense", "config": {"units": 2, "name": "d"}}]}'
    )
    status, out, _ = kcompat("show", path)
    assert status == 0
    assert "0 (unbuilt)" in out
    assert "Input:" not in out
    assert out.splitlines()[-1].endswith("written by a Keras that left no version")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x80\x04\x95model", "this is a Python pickle"),
        (b"", "this is an empty file"),
        (b"<html>Not found</html>", "this is a web page"),
    ],
)
def test_what_is_no_model(kcompat, tmp_path, content, message):
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    status, out, err = kcompat("show", path)
    assert (status, out) == (3, "")
    assert err.startswith(f"kcompat: {path}: ")
    assert message in err
    assert "Traceback" not in err


def test_plan_of_a_graph_that_runs_in_pieces(kcompat, tmp_path):
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    y = helper.make_tensor_value_info("y", TensorProto.INT64, [None, None])
    nodes = [helper.make_node("Exp", ["x"], ["e"]), helper.make_node("NonZero", ["e"], ["y"], name="find")]
    onnx.save(helper.make_model(helper.make_graph(nodes, "pieces", [x], [y])), tmp_path / "m.onnx")
    status, out, _ = kcompat("show", "--plan", tmp_path / "m.onnx", "--batch", "3")
    assert status == 0
    assert "exp -> f32[3,4]" in out
    assert out.splitlines()[-1].startswith("then the host runs node 'find' (NonZero)")
