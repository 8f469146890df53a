"""Conversion between Keras's formats and ONNX: the proof, the interface, and what failure leaves."""

from pathlib import Path

import numpy as np
import onnx
import pytest

import kcompat as keras
from kcompat.converters import conversion, convert, diff
from kcompat.errors import ArgumentError, DifferenceError, InputError, LoadError, SaveError

GOLDEN = Path(__file__).resolve().parents[2] / "fixtures" / "golden"
CHAIN = [
    "keras2_2/mlp_sequential.h5",
    "keras3/resnet_small.keras",
    "tfkeras2_13/shared_layers.keras",
    "tfkeras2_21/multi_input_output.keras",
    "tfkeras2_4/cnn_small.h5",
]


@pytest.mark.parametrize("path", CHAIN)
def test_a_chain_keeps_the_outputs(path, tmp_path):
    source = GOLDEN / path
    names = [tmp_path / name for name in ("a.onnx", "b.keras", "c.h5", "d.json")]
    for before, after in zip([source, *names], names, strict=False):
        assert convert(before, after).checks[0].same
    for name in names[:-1]:
        assert diff(source, name)[0].same


@pytest.fixture
def images(tmp_path):
    """A model of images whose height, width and channels are all different, in a file."""
    layers = keras.layers
    chain = [layers.Conv2D(4, 3, name="conv"), layers.BatchNormalization(), layers.MaxPooling2D(2, name="pool")]
    model = keras.Sequential([keras.Input((8, 10, 3), name="image"), *chain])
    model.save(tmp_path / "images.keras")
    return tmp_path / "images.keras"


def test_images_with_channels_first(images, tmp_path):
    target = tmp_path / "m.onnx"
    found = convert(images, target, inputs_as_nchw=True).checks[0]
    assert dict(found.moved) == {"image": (0, 3, 1, 2)}
    assert found.outputs[0].axes == (0, 2, 3, 1)
    graph = onnx.load(target).graph
    assert [dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim][1:] == [3, 8, 10]
    assert not [node for node in graph.node if node.op_type == "Transpose"]


def test_channels_last_again(images, tmp_path):
    convert(images, tmp_path / "m.onnx", inputs_as_nchw=True)
    found = convert(tmp_path / "m.onnx", tmp_path / "last.keras").checks[0]
    assert dict(found.moved) == {"image": (0, 2, 3, 1)}
    assert keras.models.load_model(tmp_path / "last.keras").input_shape == (None, 8, 10, 3)
    kept = convert(tmp_path / "m.onnx", tmp_path / "first.keras", inputs_as_nchw=True).checks[0]
    assert not kept.moved
    assert keras.models.load_model(tmp_path / "first.keras").input_shape == (None, 3, 8, 10)
    assert diff(images, tmp_path / "first.keras")[0].same


def test_options_for_onnx(images, tmp_path):
    convert(images, tmp_path / "m.onnx", opset=19, fold_batch_norm=True)
    model = onnx.load(tmp_path / "m.onnx")
    assert model.opset_import[0].version == 19
    assert {prop.key: prop.value for prop in model.metadata_props}["origin"] == (
        f"kcompat {keras.__version__} from images.keras (.keras archive, Keras 3.15.1)"
    )
    with pytest.raises(ArgumentError, match="opset must be 17 to"):
        convert(images, tmp_path / "m.onnx", opset=3)


def test_the_same_source_gives_the_same_bytes(images, tmp_path):
    contents = []
    for _ in range(2):
        convert(images, tmp_path / "m.onnx")
        contents.append((tmp_path / "m.onnx").read_bytes())
    assert contents[0] == contents[1]


def test_a_wrong_result_is_not_written(images, tmp_path, monkeypatch):
    """As if a writer had a defect."""

    def damaged(path, **options):
        model = real(path, **options)
        if Path(path).suffix == ".h5":
            model.layers[0].set_weights([2 * weight for weight in model.layers[0].get_weights()])
        return model

    real = conversion.open_model
    monkeypatch.setattr(conversion, "open_model", damaged)
    (tmp_path / "m.h5").write_bytes(b"old")
    with pytest.raises(DifferenceError, match=r"m\.h5 differs from .*images\.keras; nothing was written") as caught:
        convert(images, tmp_path / "m.h5")
    assert not caught.value.check.same
    assert (tmp_path / "m.h5").read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_source_that_is_damaged(images, tmp_path):
    content = images.read_bytes()
    images.write_bytes(content[: len(content) // 2])
    with pytest.raises(LoadError):
        convert(images, tmp_path / "m.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["images.keras"]


@pytest.mark.parametrize("ending", [".keras", ".h5", ".json"])
def test_names_that_keras_3_does_not_allow(tmp_path, ending):
    source = GOLDEN / "keras2_2" / "names_with_slash.h5"
    with pytest.warns(
        UserWarning, match="Keras 3 allows no '/' in the names of layers: 'stage1/fc' is now 'stage1_fc'"
    ):
        assert convert(source, tmp_path / f"m{ending}").checks[0].same
    if ending != ".json":
        model = keras.models.load_model(tmp_path / f"m{ending}")
        assert [layer.name for layer in model.layers] == ["data", "stage1_fc", "stage1_fc_bn", "stage2_fc"]
    convert(source, tmp_path / "same.h5", form="keras2")
    assert keras.models.load_model(tmp_path / "same.h5").layers[1].name == "stage1/fc"


LACKING = ["keras2_2/locally_connected.h5", "keras2_0/pool2d_theano.h5", "keras2_2/upsampling_bilinear.h5"]


@pytest.mark.parametrize("path", LACKING)
def test_what_keras_3_has_no_layer_for(path, tmp_path):
    """It is said in other layers, and in operations."""
    with pytest.warns(UserWarning, match="written as layers and operations of Keras 3 that compute the same"):
        found = convert(GOLDEN / path, tmp_path / "m.keras").checks[0]
    assert found.same
    source, model = keras.models.load_model(GOLDEN / path), keras.models.load_model(tmp_path / "m.keras")
    assert (model.input_shape, model.output_shape) == (source.input_shape, source.output_shape)
    with pytest.raises(SaveError, match="Keras 3"):
        convert(GOLDEN / path, tmp_path / "m.h5")


def test_a_model_that_runs_in_pieces(tmp_path):
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.INT64, [None, None])
    graph = onnx.helper.make_graph([onnx.helper.make_node("NonZero", ["x"], ["y"])], "pieces", [x], [y])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "m.onnx")
    with pytest.raises(SaveError, match="has no single graph"):
        convert(tmp_path / "m.onnx", tmp_path / "m.keras")


def test_open_sizes_that_are_given(tmp_path):
    """A model whose last layer needs to know the size of its image."""
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 1, "H", "W"])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 2])
    weights = onnx.numpy_helper.from_array(np.linspace(-1, 1, 24, dtype=np.float32).reshape(12, 2), "w")
    nodes = [onnx.helper.make_node("Flatten", ["x"], ["f"]), onnx.helper.make_node("MatMul", ["f", "w"], ["y"])]
    onnx.save(onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [x], [y], [weights])), tmp_path / "m.onnx")
    found = convert(tmp_path / "m.onnx", tmp_path / "m.keras", input_shapes={"x": (None, 1, 3, 4)})
    assert keras.models.load_model(tmp_path / "m.keras").input_shape in ((None, 3, 4, 1), (None, 1, 3, 4))
    assert found.checks[0].inputs["x"].shape == (2, 1, 3, 4)


def test_external_data_elsewhere(tmp_path):
    weights = np.arange(6, dtype=np.float32).reshape(2, 3)
    tensor = onnx.numpy_helper.from_array(weights, "w")
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 2])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 3])
    graph = onnx.helper.make_graph([onnx.helper.make_node("MatMul", ["x", "w"], ["y"])], "far", [x], [y], [tensor])
    model = onnx.helper.make_model(graph)
    (tmp_path / "data").mkdir()
    onnx.save(model, tmp_path / "data" / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "data" / "m.onnx").rename(tmp_path / "m.onnx")
    with pytest.raises(LoadError, match=r"w\.bin"):
        keras.models.load_model(tmp_path / "m.onnx")
    loaded = keras.models.load_model(tmp_path / "m.onnx", external_data_dir=tmp_path / "data")
    np.testing.assert_array_equal(loaded.predict(np.ones((1, 2), np.float32), verbose=0), weights.sum(axis=0)[None])
    convert(tmp_path / "m.onnx", tmp_path / "m.h5", external_data_dir=tmp_path / "data")


def test_huge_inputs_are_not_made_up(tmp_path):
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 2**33, 2])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["N", 2**33, 2])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["x"], ["y"])], "huge", [x], [y])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "m.onnx")
    with pytest.raises(InputError, match=r"'x' is declared as .*8589934592,2\]: pass an array of your own"):
        convert(tmp_path / "m.onnx", tmp_path / "m.keras")
    assert not (tmp_path / "m.keras").exists()


def test_a_model_that_runs_in_pieces_as_onnx(tmp_path):
    """It is written as it was read."""
    x = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None])
    y = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.INT64, [None, None])
    graph = onnx.helper.make_graph([onnx.helper.make_node("NonZero", ["x"], ["y"])], "pieces", [x], [y])
    onnx.save(onnx.helper.make_model(graph), tmp_path / "m.onnx")
    assert convert(tmp_path / "m.onnx", tmp_path / "again.onnx").checks[0].same
