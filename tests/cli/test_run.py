"""kcompat run."""

import importlib.util
import json
import sys

import numpy as np
import pytest

from kcompat.models import load_model

needs_pillow = pytest.mark.skipif(importlib.util.find_spec("PIL") is None, reason="needs Pillow")


@pytest.fixture
def cnn(digits):
    return digits / "digits_cnn.h5"


@pytest.fixture
def architecture(tmp_path):
    """Writes a Sequential without weights, as Keras 2 JSON: `architecture(shape, dtype)` -> path."""

    def write(shape, dtype="float32"):
        config = {"name": "x", "batch_input_shape": [None, *shape], "dtype": dtype}
        layers = [
            {"class_name": "InputLayer", "config": config},
            {"class_name": "Flatten", "config": {"name": "flatten", "dtype": dtype}},
        ]
        document = {"class_name": "Sequential", "config": layers}
        path = tmp_path / "model.json"
        path.write_text(json.dumps(document))
        return path

    return write


@pytest.fixture
def flat(kcompat, architecture, tmp_path):
    """`flat(shape, *arguments)` runs a model that flattens its input and returns status, output array, stderr."""
    h5py = pytest.importorskip("h5py")
    weights = tmp_path / "weights.h5"
    with h5py.File(weights, "w") as file:
        file.attrs["layer_names"] = [b"flatten"]
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["backend"] = b"tensorflow"
        file.create_group("flatten").attrs["weight_names"] = np.array([], "S1")

    def run(shape, *arguments, dtype="float32"):
        output = tmp_path / "output.npy"
        model = architecture(shape, dtype)
        status, _, err = kcompat("run", model, "--weights", weights, "--output", output, *arguments)
        return status, np.load(output) if status == 0 else None, err

    return run


def test_top_classes_with_labels(kcompat, cnn, digits):
    status, out, err = kcompat(
        "run", cnn, "--input", digits / "digit.npy", "--labels", digits / "labels.txt", "--top", 3
    )
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == "digit (1, 10) float32"
    assert len(lines) == 4
    percent, name = lines[1].split()
    expected = load_model(cnn).predict(np.load(digits / "digit.npy"), verbose=0)[0]
    assert name == "nine"
    assert percent == f"{expected[9]:.2%}"


def test_classes_without_labels(kcompat, cnn, digits):
    out = kcompat("run", cnn, "--input", digits / "digit.npy")[1]
    assert len(out.splitlines()) == 6
    assert out.splitlines()[1].endswith("  class 9")


@needs_pillow
def test_an_image_gives_the_prediction_of_its_pixels(kcompat, cnn, digits, tmp_path):
    from PIL import Image

    arguments = ("run", cnn, "--output", tmp_path / "out.npy", "--input")
    status, out, err = kcompat(*arguments, digits / "digit.png", "--scale", "0..1")
    assert (status, err) == (0, "")
    assert "class 9" in out.splitlines()[1]
    pixels = np.asarray(Image.open(digits / "digit.png"), np.float32)[None, :, :, None]
    expected = load_model(cnn).predict(pixels / 255, verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-4, atol=1e-5)


@needs_pillow
@pytest.mark.parametrize(
    ("shape", "place"),
    [((4, 6, 3), lambda a: a), ((3, 4, 6), lambda a: a.transpose(2, 0, 1)), ((None, None, 3), lambda a: a)],
    ids=["last", "first", "any size"],
)
@pytest.mark.parametrize(
    ("scale", "factor", "offset"), [("0..255", 1, 0), ("0..1", 1 / 255, 0), ("-1..1", 2 / 255, -1)]
)
def test_images_in_the_model_s_layout_and_scale(flat, tmp_path, shape, place, scale, factor, offset):
    from PIL import Image

    array = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    Image.fromarray(array).save(tmp_path / "image.png")
    status, output, err = flat(shape, "--input", tmp_path / "image.png", f"--scale={scale}")
    assert (status, err) == (0, "")
    np.testing.assert_allclose(output[0], place(array).ravel() * factor + offset, rtol=1e-4, atol=1e-5)


@needs_pillow
def test_images_are_resized_and_converted(flat, tmp_path):
    from PIL import Image

    image = Image.fromarray(np.full((10, 20, 4), [255, 0, 0, 255], np.uint8))
    image.save(tmp_path / "image.png")
    _, output, err = flat((5, 4), "--input", tmp_path / "image.png")
    assert f"note: {tmp_path / 'image.png'}: resized from 20x10 to 4x5" in err
    np.testing.assert_array_equal(output, np.full((1, 20), 76, np.float32))


@needs_pillow
def test_sixteen_bit_gray(flat, tmp_path):
    from PIL import Image

    Image.fromarray(np.array([[0, 65535], [257, 25700]], np.uint16)).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(flat((2, 2, 1), "--input", tmp_path / "deep.png")[1], [[0, 255, 1, 100]])


def test_images_need_pillow(kcompat, cnn, digits, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    status, _, err = kcompat("run", cnn, "--input", digits / "digit.png")
    assert status == 2
    assert err == "kcompat: images need Pillow: pip install 'kcompat[images]'\n"


@needs_pillow
def test_what_is_no_image(kcompat, cnn, tmp_path):
    (tmp_path / "x.bin").write_bytes(b"no image")
    status, _, err = kcompat("run", cnn, "--input", tmp_path / "x.bin")
    assert status == 2
    assert "is no .npy, .npz or .csv file, and no image that can be read" in err


def test_an_input_that_takes_no_image(flat, digits):
    status, _, err = flat((64,), "--input", digits / "digit.png")
    assert status == 2
    assert "takes shape (None, 64), which is no image; pass a .npy file" in err


@pytest.mark.parametrize("shape", [(2, 3, 1), (1, 2, 3, 1), (2, 3), (1, 2, 3)])
def test_one_sample_without_its_axes(flat, tmp_path, shape):
    np.save(tmp_path / "x.npy", np.arange(6.0).reshape(shape))
    status, output, err = flat((2, 3, 1), "--input", tmp_path / "x.npy")
    assert status == 0
    np.testing.assert_array_equal(output, [[0, 1, 2, 3, 4, 5]])
    assert err == (
        "" if shape[0] == 1 else f"note: {tmp_path / 'x.npy'}: shape {shape} is taken as one sample of input 'x'\n"
    )


def test_several_files_are_several_samples(flat, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 3)))
    np.save(tmp_path / "b.npy", np.zeros(3))
    output = flat((3,), "--input", tmp_path / "a.npy", tmp_path / "b.npy", "--input", tmp_path / "a.npy")[1]
    assert output[:, 0].tolist() == [1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x.csv", "1,2,3\n4,5,6e0\n"),
        ("x.csv", "a,b,c\n1,2,3\n\n4,5,6\n"),
        ("x.csv", "\ufeff1;2;3\r\n4;5;6\r\n"),
        ("x.tsv", "1\t2\t3\n4\t5\t6"),
        ("x.txt", '"1","2","3"\n4,5,6'),
    ],
    ids=["plain", "heading", "semicolons", "tabs", "quotes"],
)
def test_tables(flat, tmp_path, name, text):
    (tmp_path / name).write_bytes(text.encode())
    status, output, err = flat((3,), "--input", tmp_path / name)
    assert (status, err) == (0, "")
    np.testing.assert_array_equal(output, [[1, 2, 3], [4, 5, 6]])


def test_rows_take_the_shape_of_the_input(flat, tmp_path):
    (tmp_path / "x.csv").write_text("1,2,3,4\n5,6,7,8\n9,10,11,12\n")
    assert flat((2, 2), "--input", tmp_path / "x.csv")[1].shape == (3, 4)


@pytest.mark.parametrize(
    ("text", "dtype", "message"),
    [
        ("1,2,3\n4,x,6\n", "float32", "line 2, column 2 is 'x', a number was expected"),
        ("1,2,3\n4,5\n", "float32", "line 2 has 2 columns, the first has 3"),
        ("1,2\n", "float32", "has shape (1, 2), input 'x' takes (None, 3)"),
        ("a,b,c\n", "float32", "has a heading and no numbers"),
        ("\n\n", "float32", "has no rows"),
        ("1,2,3\n4,5.5,6", "int32", "line 2, column 2 is 5.5; input 'x' takes int32"),
    ],
)
def test_wrong_tables(flat, tmp_path, text, dtype, message):
    (tmp_path / "x.csv").write_text(text)
    status, _, err = flat((3,), "--input", tmp_path / "x.csv", dtype=dtype)
    assert status == 2
    assert message in err


def test_tables_in_another_encoding(flat, tmp_path):
    (tmp_path / "x.csv").write_bytes("é,1,2".encode("latin-1"))
    assert "is no text in UTF-8" in flat((3,), "--input", tmp_path / "x.csv")[2]


@pytest.fixture
def pair(golden, tmp_path):
    """A model with inputs image and meta, its reference, and a file for each input."""
    with np.load(golden / "multi_input_output.npz") as reference:
        np.save(tmp_path / "i.npy", reference["input_0"])
        np.save(tmp_path / "m.npy", reference["input_1"])
        np.savez(tmp_path / "named.npz", image=reference["input_0"], meta=reference["input_1"])
        expected = [reference[f"output_{index}"] for index in range(3)]
    return golden / "multi_input_output.h5", expected


@pytest.mark.parametrize(
    "files",
    [["i.npy", "m.npy"], ["meta=m.npy", "image=i.npy"], ["named.npz"], ["reference"]],
    ids=["order", "names", "npz", "reference"],
)
def test_several_inputs_and_outputs(kcompat, pair, golden, tmp_path, monkeypatch, files):
    monkeypatch.chdir(tmp_path)
    model, expected = pair
    files = [golden / "multi_input_output.npz" if file == "reference" else file for file in files]
    status, out, err = kcompat("run", model, "--input", *files, "--output", "out.npz")
    assert (status, err) == (0, "")
    assert [line for line in out.splitlines() if line[0] != " "] == [
        "kind (3, 3) float32",
        "score (3, 1) float32",
        "dense_1 (3, 3) float32",
    ]
    with np.load("out.npz") as written:
        for name, array in zip(["kind", "score", "dense_1"], expected, strict=True):
            np.testing.assert_allclose(written[name], array, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["i.npy"], "--input: no file for 'meta'; the model's inputs are image, meta"),
        (["i.npy", "m.npy", "m.npy"], "3 files for 2 inputs"),
        (["m.npy", "i.npy"], "has shape (3, 4), input 'image' takes (None, 6, 6, 1)"),
        (["meta=m.npy", "image=absent.npy"], "No such file or directory: 'absent.npy'"),
        (["other.npz"], "has a, b; expected image, meta or input_0, input_1"),
        (["image=i.npy", "meta=m.npy", "meta=m.npy"], "inputs have different numbers of samples"),
    ],
)
def test_files_that_do_not_fit_the_inputs(kcompat, pair, tmp_path, monkeypatch, files, message):
    monkeypatch.chdir(tmp_path)
    np.savez("other.npz", a=[1.0], b=[2.0])
    status, _, err = kcompat("run", pair[0], "--input", *files)
    assert status == 2
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--top", 0], "--top must be at least 1"),
        (["--labels", "few.txt"], "--labels has 2 names; the outputs are digit (1, 10)"),
        (["--output", "out.png"], "the name must end in .npy, .npz or .csv"),
        (["--scale", "0..1"], "--scale is for images; no input is one"),
    ],
)
def test_wrong_options(kcompat, cnn, digits, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "few.txt").write_text("a\nb\n")
    status, _, err = kcompat("run", cnn, "--input", digits / "digit.npy", *arguments)
    assert status == 2
    assert err.startswith("kcompat: ")
    assert message in err


def test_weights_that_are_not_there(kcompat, cnn, digits):
    status, _, err = kcompat("run", cnn, "--input", digits / "digit.npy", "--weights", "absent.h5")
    assert status == 3
    assert "absent.h5: no such file" in err


def test_arrays_of_objects_are_refused(kcompat, cnn, tmp_path):
    np.save(tmp_path / "x.npy", np.array([{}]), allow_pickle=True)
    status, _, err = kcompat("run", cnn, "--input", tmp_path / "x.npy")
    assert status == 2
    assert "is no .npy array that can be read" in err


def test_an_architecture_needs_weights(kcompat, golden, tmp_path):
    arguments = ("run", golden / "mlp_sequential.json", "--input", golden / "mlp_sequential.npz")
    status, _, err = kcompat(*arguments)
    assert status == 3
    assert "is an architecture without weights; name the file that has them (--weights FILE" in err
    output = tmp_path / "out.csv"
    assert kcompat(*arguments, "--weights", golden / "mlp_sequential_weights.h5", "--output", output)[0] == 0
    with np.load(golden / "mlp_sequential.npz") as reference:
        np.testing.assert_allclose(
            np.loadtxt(output, delimiter=",", ndmin=2), reference["output_0"], rtol=1e-4, atol=1e-5
        )


def test_many_samples_are_cut_short(kcompat, cnn, digits):
    out = kcompat("run", cnn, "--input", digits / "digits_test.npz", "--top", 1)[1]
    assert out.count(" sample ") == 10
    assert out.splitlines()[-1] == " and 190 more samples; --output FILE writes all"


def test_numbers_that_are_no_probabilities(kcompat, flat, tmp_path, architecture, digits):
    np.save(tmp_path / "x.npy", [[1.5, -2.0, 3.25]])
    flat((3,), "--input", tmp_path / "x.npy")
    arguments = ("run", tmp_path / "model.json", "--weights", tmp_path / "weights.h5", "--input", tmp_path / "x.npy")
    assert kcompat(*arguments)[1].splitlines()[1:] == ["  [ 1.5  -2.    3.25]"]
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    ranked = kcompat(*arguments, "--labels", tmp_path / "labels.txt")[1].splitlines()[1:]
    assert [line.split() for line in ranked] == [["3.25", "c"], ["1.5", "a"], ["-2", "b"]]
