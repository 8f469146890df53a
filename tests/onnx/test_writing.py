"""Models written as ONNX and read again: the same numbers, names, and what the file promises."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

import kcompat
from kcompat import Sequential, layers
from kcompat.converters.onnx import model_from_proto, model_proto, save_model
from kcompat.converters.onnx.raising import raise_model
from kcompat.errors import ArgumentError, SaveError
from kcompat.layers import Input
from kcompat.models import Model, load_model
from kcompat.models.graph_model import GraphModel


def classifier() -> Model:
    return Sequential(
        [
            Input((9, 8, 3), name="image"),
            layers.Conv2D(4, 3, activation="relu", name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, activation="softmax", name="scores"),
        ],
        name="classifier",
    )


def randomise(model: Model, seed: int = 0) -> Model:
    rng = np.random.default_rng(seed)
    model.set_weights([rng.uniform(0.1, 1.0, w.shape).astype(w.dtype) - 0.4 * (w.ndim > 1) for w in model.weights])
    return model


def operators(proto: onnx.ModelProto) -> list[str]:
    return [node.op_type for node in proto.graph.node]


def shape(value: onnx.ValueInfoProto) -> list[Any]:
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def test_a_file_computes_the_same(tmp_path: Path) -> None:
    model = randomise(classifier())
    model.export(tmp_path / "m.onnx")
    x = np.random.default_rng(1).normal(size=(5, 9, 8, 3)).astype("float32")
    np.testing.assert_allclose(
        load_model(tmp_path / "m.onnx").predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5
    )


def test_names_shapes_and_notes_are_in_the_file() -> None:
    proto = model_proto(classifier(), origin="m.h5")
    assert (proto.producer_name, proto.producer_version) == ("kcompat", kcompat.__version__)
    assert {entry.key: entry.value for entry in proto.metadata_props} == {"origin": "m.h5"}
    assert proto.graph.name == "classifier"
    assert [(value.name, shape(value)) for value in proto.graph.input] == [("image", ["batch", 9, 8, 3])]
    assert [(value.name, shape(value)) for value in proto.graph.output] == [("scores", ["batch", 3])]
    typed = {value.name for value in (*proto.graph.value_info, *proto.graph.output)}
    assert {name for node in proto.graph.node for name in node.output} <= typed
    assert {tensor.name for tensor in proto.graph.initializer} >= {"conv/kernel", "norm/gamma", "scores/kernel"}
    assert operators(proto).count("Transpose") == 1


def test_images_can_have_their_channels_first() -> None:
    model = randomise(classifier())
    proto = model_proto(model, inputs_as_nchw=True)
    assert shape(proto.graph.input[0]) == ["batch", 3, 9, 8]
    assert "Transpose" not in operators(proto)
    assert model_proto(model, inputs_as_nchw=["image"]) == proto


def test_unknown_names_of_images_are_refused() -> None:
    with pytest.raises(ArgumentError, match="the inputs and outputs are image, scores"):
        model_proto(classifier(), inputs_as_nchw=["picture"])


def test_bytes_do_not_change(tmp_path: Path) -> None:
    model = classifier()
    for name in ("a.onnx", "b.onnx"):
        save_model(model, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


@pytest.mark.parametrize("opset", range(17, onnx.defs.onnx_opset_version() + 1))
def test_every_opset_from_17_on(opset: int, tmp_path: Path) -> None:
    x = Input((6, 8))
    y = layers.LayerNormalization()(layers.Dense(8, activation="gelu")(x))
    y = layers.GroupNormalization(2)(layers.MultiHeadAttention(2, 4)(y, y))
    y = layers.RMSNormalization()(layers.Activation("silu")(y))
    model = randomise(Model(x, layers.GlobalAveragePooling1D()(y)))
    save_model(model, tmp_path / "m.onnx", opset=opset)
    proto = onnx.load(tmp_path / "m.onnx")
    assert [entry.version for entry in proto.opset_import] == [opset]
    assert "LayerNormalization" in operators(proto)
    assert ("Gelu" in operators(proto)) == (opset >= 20)
    x = np.random.default_rng(1).normal(size=(3, 6, 8)).astype("float32")
    np.testing.assert_allclose(
        load_model(tmp_path / "m.onnx").predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("opset", [16, 999])
def test_other_opsets_are_refused(opset: int) -> None:
    with pytest.raises(ArgumentError, match="opset must be 17 to"):
        model_proto(classifier(), opset=opset)


def test_a_large_model_keeps_its_weights_beside_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kcompat.converters.onnx.writing import files

    monkeypatch.setattr(files, "LARGEST_FILE", files._ROOM)
    model = randomise(classifier())
    save_model(model, tmp_path / "m.onnx")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.onnx", "m.onnx.data"]
    x = np.ones((2, 9, 8, 3), "float32")
    np.testing.assert_allclose(
        load_model(tmp_path / "m.onnx").predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-4, atol=1e-5
    )


def test_what_onnx_cannot_express_is_named(tmp_path: Path) -> None:
    x = Input((1,), dtype="string")
    model = Model(x, layers.Hashing(4, name="bins")(x))
    with pytest.raises(SaveError, match=r"layer 'bins' \(Hashing\).*'hash_bins' cannot be written as ONNX"):
        model.save(tmp_path / "m.onnx")
    assert not list(tmp_path.iterdir())


def test_states_are_refused() -> None:
    model = Sequential([Input((4, 3), batch_size=2), layers.LSTM(2, stateful=True)])
    with pytest.raises(SaveError, match="keeps states"):
        model_proto(model)


def test_a_model_that_was_never_called_is_written() -> None:
    model = Sequential([layers.Dense(2, name="dense")])
    model.build((None, 3))
    assert operators(model_proto(model)) == ["Gemm"]


@pytest.mark.parametrize(("activation", "outputs"), [("linear", 2), ("relu", 1)])
def test_pooled_zeros_are_kept_from_fusion(activation: str, outputs: int, tmp_path: Path) -> None:
    """onnxruntime takes zeros around negative numbers for the padding of MaxPool, unless places are asked for."""
    x = Input((6, 6, 2))
    y = layers.ZeroPadding2D(1)(layers.Conv2D(2, 1, activation=activation)(x))
    model = randomise(Model(x, layers.MaxPooling2D(3)(y)))
    model.export(tmp_path / "m.onnx")
    (pool,) = [node for node in onnx.load(tmp_path / "m.onnx").graph.node if node.op_type == "MaxPool"]
    assert len(pool.output) == outputs
    read = load_model(tmp_path / "m.onnx")
    assert isinstance(read, GraphModel)
    assert [node.op.name for node in read.graph().nodes].count("max_pool") == 1


def test_an_onnx_model_is_written_again(tmp_path: Path) -> None:
    model = randomise(classifier())
    model.export(tmp_path / "a.onnx")
    read = load_model(tmp_path / "a.onnx")
    read.save(tmp_path / "b.onnx")
    assert operators(onnx.load(tmp_path / "b.onnx")) == operators(onnx.load(tmp_path / "a.onnx"))
    with pytest.raises(SaveError, match="save it as"):
        read.save(tmp_path / "b.h5")


def test_options_of_onnx_are_for_onnx(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="opset is for"):
        classifier().save(tmp_path / "m.keras", opset=17)


def test_the_first_opset_that_has_an_operator_is_taken() -> None:
    text = """
        <ir_version: 9, opset_import: ["" : 20]>
        g (int32[2] x, int32[2] y) => (int32[2] z) { z = BitwiseAnd (x, y) }
    """
    model = model_from_proto(onnx.parser.parse_model(text))
    assert [entry.version for entry in model_proto(model).opset_import] == [18]
    with pytest.raises(SaveError, match="BitwiseAnd exists from opset 18 on"):
        model_proto(model, opset=17)


def test_vocabularies_become_label_encoders(tmp_path: Path) -> None:
    x = Input((1,), dtype="string")
    model = Model(x, layers.StringLookup(vocabulary=["a", "b"], output_mode="one_hot")(x))
    model.export(tmp_path / "m.onnx")
    proto = onnx.load(tmp_path / "m.onnx")
    assert "LabelEncoder" in operators(proto)
    words = np.array([["b"], ["z"], ["a"]], object)
    received = ReferenceEvaluator(proto).run(None, {model.input_names[0]: words})[0]
    np.testing.assert_array_equal(received, model(words))


def test_what_a_vocabulary_refuses_is_refused() -> None:
    x = Input((1,), dtype="int64")
    model = Model(x, layers.IntegerLookup(vocabulary=[1, 2], num_oov_indices=0)(x))
    with pytest.raises(SaveError, match="num_oov_indices=0"):
        model_proto(model)


def test_control_flow_is_written_as_it_was_read(tmp_path: Path) -> None:
    """With the weights that the model has now, in no other opset."""
    text = """
        <ir_version: 8, opset_import: ["" : 18]>
        g (float[n] x) => (float[n] y) <float[1] w = {2.0}> {
            total = ReduceSum <keepdims = 0> (x)
            limit = Constant <value = float {0.0}> ()
            positive = Greater (total, limit)
            y = If (positive) <
                then_branch = a () => (float[n] p) { p = Mul (x, w) },
                else_branch = b () => (float[n] q) { q = Neg (x) }
            >
        }
    """
    onnx.save(onnx.parser.parse_model(text), tmp_path / "a.onnx")
    model = load_model(tmp_path / "a.onnx")
    model.weights[0].assign([3.0])
    model.save(tmp_path / "b.onnx")
    assert onnx.load(tmp_path / "b.onnx").opset_import[0].version == 18
    again = load_model(tmp_path / "b.onnx")
    for x in ([1.0, 2.0], [-1.0, -2.0]):
        np.testing.assert_array_equal(again(np.float32(x)), model(np.float32(x)))
    with pytest.raises(SaveError, match="written as it was read, in opset 18"):
        model.export(tmp_path / "c.onnx", opset=17)
    with pytest.raises(SaveError, match="its layout and its nodes cannot change"):
        model.export(tmp_path / "c.onnx", inputs_as_nchw=True)


def test_operators_without_a_card_are_written_as_they_were_read(tmp_path: Path) -> None:
    text = """
        <ir_version: 8, opset_import: ["" : 20]>
        g (float[1,1,3,3] x, float[1,2,2,2] grid) => (float[1,1,2,2] y) {
            z = Relu (x)
            y = GridSample <mode = "linear"> (z, grid)
        }
    """
    onnx.save(onnx.parser.parse_model(text), tmp_path / "a.onnx")
    load_model(tmp_path / "a.onnx").save(tmp_path / "b.onnx")
    assert operators(onnx.load(tmp_path / "b.onnx")) == ["Relu", "GridSample"]


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.ConvLSTM2D(2, 2, recurrent_activation="hard_sigmoid", go_backwards=True), (3, 4, 4, 2)),
        (layers.ConvLSTM1D(2, 2, padding="same", data_format="channels_first", return_sequences=True), (3, 2, 4)),
        (layers.LSTM(3, activation="gelu"), (4, 2)),
        (layers.GRU(3, activation="selu", return_sequences=True), (4, 2)),
        (layers.GRU(3, activation="silu", reset_after=False, use_bias=False), (4, 2)),
        (layers.SimpleRNN(3, activation="mish"), (4, 2)),
        (layers.LocallyConnected2D(2, (2, 3), strides=(1, 2)), (4, 5, 2)),
        (layers.LocallyConnected1D(3, 2, strides=2, data_format="channels_first"), (2, 5)),
        (layers.AdaptiveAveragePooling2D((2, 3)), (5, 6, 2)),
        (layers.AdaptiveMaxPooling1D(2), (6, 3)),
        (layers.Activation("sparsemax"), (5,)),
        (layers.Activation("glu"), (3, 6)),
        (layers.CenterCrop(4, 4), (6, 3, 1)),
        (layers.GlobalMaxPooling3D(keepdims=True), (2, 3, 2, 2)),
        (layers.ContrastLimitedAdaptiveHistogramEqualization((0, 255), tile_grid_size=(2, 2)), (9, 8, 3)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_cards_that_onnx_lacks_are_made_of_others(layer: Any, shape: tuple[int, ...], tmp_path: Path) -> None:
    model = randomise(Sequential([Input(shape), layer]))
    model.export(tmp_path / "m.onnx")
    x = np.random.default_rng(2).normal(size=(3, *shape)).astype("float32")
    if isinstance(layer, layers.ContrastLimitedAdaptiveHistogramEqualization):
        x = np.abs(x * 80)
    np.testing.assert_allclose(load_model(tmp_path / "m.onnx")(x), model(x), rtol=1e-4, atol=1e-5)


def test_unknown_sizes_that_must_be_known_are_named() -> None:
    model = Sequential([Input((None, 2)), layers.LSTM(3, activation="gelu", name="cells")])
    with pytest.raises(SaveError, match=r"layer 'cells'.*known number of steps"):
        model_proto(model)


def test_batch_normalisation_can_be_folded(tmp_path: Path) -> None:
    """Into what is before it; where there is no product, it stays."""
    x = Input((6, 6, 3))
    y = layers.BatchNormalization(name="first")(x)
    y = layers.BatchNormalization(name="by_conv")(layers.Conv2D(4, 3, use_bias=False, name="conv")(y))
    y = layers.BatchNormalization()(layers.Conv2DTranspose(3, 2, strides=2)(layers.ReLU()(y)))
    model = randomise(Model(x, layers.BatchNormalization()(layers.Dense(2)(layers.Flatten()(y)))))
    assert operators(model_proto(model)).count("BatchNormalization") == 4
    model.export(tmp_path / "m.onnx", fold_batch_norm=True)
    proto = onnx.load(tmp_path / "m.onnx")
    assert operators(proto).count("BatchNormalization") == 1
    assert {"conv/kernel", "first/gamma"} <= {tensor.name for tensor in proto.graph.initializer}
    data = np.random.default_rng(1).normal(size=(2, 6, 6, 3)).astype("float32")
    np.testing.assert_allclose(load_model(tmp_path / "m.onnx")(data), model(data), rtol=1e-4, atol=1e-5)


def test_layers_come_back_from_a_written_model() -> None:
    """Every layer as the kind it was; a forward and a backward cell with other weights are no Bidirectional."""
    x = Input((6, 3))
    one = layers.LSTM(4, name="one")(x)
    other = layers.LSTM(4, use_bias=False, go_backwards=True, name="other")(x)
    image = layers.Reshape((2, 4, 1))(layers.Concatenate()([one, other]))
    y = layers.UpSampling2D(2)(layers.Conv2D(2, 1, activation="relu")(image))
    model = randomise(Model(x, layers.Dense(3, activation="softmax")(layers.Flatten()(y))))
    raising = raise_model(model_from_proto(model_proto(model)))
    kinds = {type(layer).__name__ for layer in raising.model.layers}
    assert kinds >= {"LSTM", "Conv2D", "UpSampling2D", "Flatten", "Dense"}
    assert "Bidirectional" not in kinds
    data = np.random.default_rng(3).normal(size=(2, 6, 3)).astype("float32")
    np.testing.assert_allclose(raising.model(data), model(data), rtol=1e-4, atol=1e-5)
