"""Models from ONNX files: predicting, weights, shapes that vary, control flow, external data."""

import os

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import kcompat
from kcompat.errors import (
    FormatError,
    InputError,
    LoadError,
    ResourceError,
    SaveError,
    UnknownLayerError,
    UnsafeFileError,
)

F = TensorProto.FLOAT
X = helper.make_tensor_value_info("x", F, ["N", 3])
Y = helper.make_tensor_value_info("y", F, None)


def save(path, nodes, *, inputs=(X,), outputs=(Y,), weights=None, opset=18, functions=(), opsets=()):
    initializers = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "g", list(inputs), list(outputs), initializers)
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(*entry) for entry in opsets)]
    onnx.save(helper.make_model(graph, opset_imports=imports, functions=list(functions)), path)
    return path


@pytest.fixture
def dense(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Add", ["m", "b"], ["s"]),
        helper.make_node("Relu", ["s"], ["y"]),
    ]
    weights = {"w": np.arange(6, dtype="f4").reshape(3, 2) - 3, "b": np.float32([1, -1])}
    return save(tmp_path / "m.onnx", nodes, weights=weights, outputs=[helper.make_tensor_value_info("y", F, ["N", 2])])


def test_predict_weights_and_names(dense):
    model = kcompat.load_model(dense)
    x = np.random.default_rng(0).normal(size=(70, 3)).astype("f4")
    w, b = model.get_weights()
    np.testing.assert_allclose(model.predict(x, verbose=0), np.maximum(x @ w + b, 0), rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.predict({"x": x}, verbose=0), model(x))
    assert [weight.path for weight in model.weights] == ["w", "b"]
    assert (model.input_names, model.output_names) == (["x"], ["y"])
    model.set_weights([w * 2, b])
    np.testing.assert_allclose(model.predict(x, verbose=0), np.maximum(x @ (2 * w) + b, 0), rtol=1e-5, atol=1e-5)


def test_inputs_and_outputs_keep_the_order_of_the_file_in_quick_calls(tmp_path):
    nodes = [helper.make_node("Relu", ["c"], ["v"]), helper.make_node("Sub", ["a", "c"], ["u"])]
    inputs = [helper.make_tensor_value_info(name, F, ["N", 3]) for name in "ac"]
    outputs = [helper.make_tensor_value_info(name, F, ["N", 3]) for name in "uv"]
    model = kcompat.load_model(save(tmp_path / "m.onnx", nodes, inputs=inputs, outputs=outputs))
    a, c = np.random.default_rng(0).normal(size=(2, 2, 3)).astype("f4")
    for _ in range(3):
        difference, positive = model([a, c])
        np.testing.assert_array_equal(difference, a - c)
        np.testing.assert_array_equal(positive, np.maximum(c, 0))
    assert list(model.program.quick_calls()) == [((2, 3), (2, 3))]


def test_quick_calls_see_new_weights_and_shapes(dense):
    model, x = kcompat.load_model(dense), np.ones((2, 3), "f4")
    first = model(x)
    np.testing.assert_array_equal(model(x), first)
    assert model(x[:1]).shape == (1, 2)
    model.set_weights([2 * weight for weight in model.get_weights()])
    np.testing.assert_allclose(model(x), 2 * first, rtol=1e-6)


def test_one_graph_with_open_batch(dense):
    text = str(kcompat.load_model(dense).graph())
    assert "f32[N,3]" in text
    assert "# node 'MatMul_0' (MatMul)" in text


def test_summary_counts_operators(dense):
    lines = []
    kcompat.load_model(dense).summary(print_fn=lines.append)
    assert "MatMul" in lines[0]
    assert "Total params: 8 in 2 weights" in lines[0]


def test_saving_is_refused(dense, tmp_path):
    with pytest.raises(SaveError, match="without layers"):
        kcompat.load_model(dense).save(tmp_path / "m.keras")


def test_wrong_shape_names_the_input(dense):
    with pytest.raises(InputError, match=r"input 'x' takes shape \(None, 3\)"):
        kcompat.load_model(dense).predict(np.ones((2, 4), "f4"))


def test_shape_arithmetic_follows_the_input(tmp_path):
    """Shape -> Gather -> Concat -> Reshape is folded for each shape that comes."""
    nodes = [
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Gather", ["s", "zero"], ["n"]),
        helper.make_node("Concat", ["n", "minus"], ["target"], axis=0),
        helper.make_node("Transpose", ["x"], ["t"]),
        helper.make_node("Reshape", ["t", "target"], ["y"]),
    ]
    weights = {"zero": np.int64([0]), "minus": np.int64([-1])}
    model = kcompat.load_model(save(tmp_path / "m.onnx", nodes, weights=weights))
    for rows in (2, 5, 2):
        x = np.arange(rows * 3, dtype="f4").reshape(rows, 3)
        np.testing.assert_array_equal(model.predict(x, verbose=0), x.T.reshape(rows, -1))
    assert not model.program.host_operators()


def test_shapes_that_depend_on_elements(tmp_path):
    nodes = [
        helper.make_node("NonZero", ["x"], ["p"]),
        helper.make_node("Transpose", ["p"], ["q"]),
        helper.make_node("GatherND", ["x", "q"], ["y"]),
    ]
    model = kcompat.load_model(save(tmp_path / "m.onnx", nodes))
    for x in (np.eye(3, dtype="f4"), np.float32([[0, 2, 0]]), np.zeros((2, 3), "f4")):
        np.testing.assert_array_equal(model(x), x[x != 0])
    assert model.program.host_operators() == {"NonZero"}


def test_set_weights_reaches_what_was_decided_by_them(tmp_path):
    nodes = [helper.make_node("Resize", ["x", "", "scales"], ["y"], mode="nearest")]
    model = kcompat.load_model(save(tmp_path / "m.onnx", nodes, weights={"scales": np.float32([1, 2])}))
    assert model(np.ones((1, 3), "f4")).shape == (1, 6)
    model.set_weights([np.float32([1, 3])])
    assert model(np.ones((1, 3), "f4")).shape == (1, 9)


def body(op, **attributes):
    return helper.make_graph(
        [helper.make_node("Identity", ["c"], ["d"]), helper.make_node(op, ["v", "x"], ["w"], **attributes)],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("c", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", F, None),
        ],
        [helper.make_tensor_value_info("d", TensorProto.BOOL, []), helper.make_tensor_value_info("w", F, None)],
    )


def test_loop_captures_outer_values(tmp_path):
    nodes = [helper.make_node("Loop", ["count", "", "x"], ["y"], body=body("Add"))]
    model = kcompat.load_model(save(tmp_path / "m.onnx", nodes, weights={"count": np.int64(4)}))
    np.testing.assert_array_equal(model(np.ones((2, 3), "f4")), np.full((2, 3), 5, "f4"))


def test_an_endless_loop_ends(tmp_path, monkeypatch):
    monkeypatch.setattr("kcompat.converters.onnx.control.MOST_STEPS", 10)
    nodes = [helper.make_node("Loop", ["", "", "x"], ["y"], body=body("Mul"))]
    model = kcompat.load_model(save(tmp_path / "m.onnx", nodes))
    with pytest.raises(ResourceError, match="more than 10 iterations"):
        model(np.ones((1, 3), "f4"))


def test_local_functions_are_inlined(tmp_path):
    inner = helper.make_function(
        "own", "twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 18)]
    )
    nodes = [
        helper.make_node("twice", ["x"], ["t"], domain="own"),
        helper.make_node("twice", ["t"], ["y"], domain="own"),
    ]
    model = kcompat.load_model(save(tmp_path / "m.onnx", nodes, functions=[inner], opsets=[("own", 1)]))
    np.testing.assert_array_equal(model(np.ones((1, 3), "f4")), np.full((1, 3), 4, "f4"))


def test_a_function_that_calls_itself(tmp_path):
    own = helper.make_function(
        "own",
        "f",
        ["a"],
        ["b"],
        [helper.make_node("f", ["a"], ["b"], domain="own")],
        [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)],
    )
    path = save(
        tmp_path / "m.onnx",
        [helper.make_node("f", ["x"], ["y"], domain="own")],
        functions=[own],
        opsets=[("own", 1)],
    )
    with pytest.raises(UnsafeFileError, match=r"function own\.f calls itself"):
        kcompat.load_model(path)


# --- damaged files -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "error", "message"),
    [
        ([("Relu", ["nowhere"], ["y"])], FormatError, r"node 'Relu_0' \(Relu\) reads 'nowhere'"),
        ([("Add", ["x", "b"], ["a"]), ("Relu", ["a"], ["b"]), ("Relu", ["a"], ["y"])], FormatError, "cycle"),
        ([("Relu", ["x"], ["y"]), ("Abs", ["x"], ["y"])], FormatError, "made twice"),
        ([("Frobnicate", ["x"], ["y"])], UnknownLayerError, "Frobnicate"),
        ([("Relu", ["x", "x"], ["y"])], FormatError, "2 inputs, Relu takes 1 to 1"),
        ([("Relu", ["x"], ["z"])], FormatError, "output 'y' is computed by no node"),
        ([("Transpose", ["x"], ["t"]), ("MatMul", ["x", "x"], ["y"])], None, None),
        ([("Shape", ["x"], ["s"]), ("Add", ["x", "s"], ["y"])], None, None),
        ([("Not", ["x"], ["n"]), ("Not", ["n"], ["y"])], None, None),
    ],
)
def test_graphs_that_make_no_sense(tmp_path, nodes, error, message):
    path = save(tmp_path / "m.onnx", [helper.make_node(*node) for node in nodes])
    if error is not None:
        with pytest.raises(error, match=message) as caught:
            kcompat.load_model(path)
        assert "m.onnx" in str(caught.value)
        return
    with pytest.raises(kcompat.errors.KcompatError):
        kcompat.load_model(path)(np.ones((2, 3), "f4"))


def test_types_that_never_fit_are_found_when_loading(tmp_path):
    path = save(tmp_path / "m.onnx", [helper.make_node("Add", ["x", "i"], ["y"])], weights={"i": np.int64([1])})
    with pytest.raises(LoadError, match=r"m\.onnx: node 'Add_0' \(Add\): add: operands must have one dtype"):
        kcompat.load_model(path)


def test_an_opset_of_the_future(tmp_path):
    path = save(tmp_path / "m.onnx", [helper.make_node("Relu", ["x"], ["y"])], opset=10**4)
    with pytest.raises(FormatError, match=r"imports version 10000 of ai\.onnx"):
        kcompat.load_model(path)


def test_damaged_bytes(dense):
    """Whatever a byte becomes, the model loads or is refused with a LoadError."""
    data = dense.read_bytes()
    refused = 0
    for place in range(len(data)):
        for value in (0, 127, 255):
            dense.write_bytes(data[:place] + bytes([value]) + data[place + 1 :])
            try:
                kcompat.load_model(dense)
            except LoadError:
                refused += 1
    assert refused > len(data)


def test_truncated_files(dense, tmp_path):
    data = dense.read_bytes()
    for size in range(0, len(data), 3):
        (tmp_path / "cut.onnx").write_bytes(data[:size])
        with pytest.raises(LoadError):
            kcompat.load_model(tmp_path / "cut.onnx")


def test_a_tensor_larger_than_its_data(tmp_path, dense):
    model = onnx.load(dense)
    model.graph.initializer[0].dims[:] = [1 << 20, 1 << 20]
    onnx.save(model, dense)
    with pytest.raises(FormatError, match="needs 4398046511104 bytes of data, it has 24"):
        kcompat.load_model(dense)


# --- external data -----------------------------------------------------------------


@pytest.fixture
def outside(dense, tmp_path):
    """The model with w in another file; returns a function that rewrites the reference to it."""

    def write(data=True, **entries):
        model = onnx.load(dense)
        tensor = model.graph.initializer[0]
        raw = numpy_helper.to_array(tensor).tobytes()
        if data:
            (tmp_path / "w.bin").write_bytes(b"1234" + raw)
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": "w.bin", "offset": "4", "length": str(len(raw)), **entries}.items():
            tensor.external_data.add(key=key, value=value)
        path = tmp_path / "outside.onnx"
        path.write_bytes(model.SerializeToString())
        return path

    return write


def test_external_data(outside, dense):
    for mine, other in zip(
        kcompat.load_model(outside()).get_weights(), kcompat.load_model(dense).get_weights(), strict=True
    ):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize(
    ("entries", "error"),
    [
        ({"location": "../w.bin"}, UnsafeFileError),
        ({"location": "/etc/hostname"}, UnsafeFileError),
        ({"location": "a\\b"}, UnsafeFileError),
        ({"location": "missing.bin"}, FormatError),
        ({"location": "."}, UnsafeFileError),
        ({"offset": "-4"}, FormatError),
        ({"offset": "8"}, FormatError),
        ({"offset": "9" * 30}, FormatError),
        ({"length": "23"}, FormatError),
        ({"basepath": "/"}, UnsafeFileError),
    ],
)
def test_external_data_that_is_refused(outside, entries, error):
    with pytest.raises(error, match=r"outside\.onnx"):
        kcompat.load_model(outside(**entries))


def test_links_out_of_the_folder(outside, tmp_path):
    secret = tmp_path.parent / f"{tmp_path.name}-secret.bin"
    secret.write_bytes(bytes(100))
    path = outside(data=False)
    (tmp_path / "w.bin").symlink_to(secret)
    with pytest.raises(UnsafeFileError, match="outside"):
        kcompat.load_model(path)
    (tmp_path / "w.bin").unlink()
    os.link(secret, tmp_path / "w.bin")
    with pytest.raises(UnsafeFileError, match="hard links"):
        kcompat.load_model(path)
