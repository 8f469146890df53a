"""Architectures of Keras 1 and 0.3 in the words of Keras 2."""

import json

import numpy as np
import pytest

from kcompat import settings
from kcompat.converters.keras import keras1
from kcompat.converters.keras.build import build_model
from kcompat.converters.keras.parse import parse_model
from kcompat.converters.keras.spec import Writer
from kcompat.errors import ConfigError, LoadError, RefusedLayerError
from kcompat.tree import flatten

CONVOLUTION = {
    "name": "convolution2d_1",
    "trainable": True,
    "batch_input_shape": [None, 7, 8, 1],
    "input_dtype": "float32",
    "nb_filter": 2,
    "nb_row": 3,
    "nb_col": 2,
    "init": "he_normal",
    "activation": "relu",
    "border_mode": "same",
    "subsample": [2, 1],
    "dim_ordering": "tf",
    "W_regularizer": {"name": "WeightRegularizer", "l1": 0.0, "l2": 0.5},
    "b_regularizer": None,
    "activity_regularizer": None,
    "W_constraint": {"name": "MaxNorm", "m": 3, "axis": 0},
    "b_constraint": None,
    "bias": True,
}
DENSE = {"name": "dense_1", "output_dim": 2, "init": "orthogonal", "bias": True, "input_dim": 3}


def layer(class_name, config):
    return {"class_name": class_name, "config": config}


def sequential(*layers):
    return {"class_name": "Sequential", "config": list(layers), "keras_version": "1.2.2"}


def upgraded(class_name, config, **options):
    """The layers that one layer becomes."""
    return keras1.upgrade(sequential(layer(class_name, config)), **options)["config"]


def build(document):
    return build_model(parse_model(document, Writer(1, "1.2.2")), {})


def predict(model, x):
    """A model's only output."""
    [output] = flatten(model.predict(x, verbose=0))
    return output


# --- which documents are old --------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "version", "expected"),
    [
        ({}, "1.2.2", True),
        ({}, "0.3.3", True),
        (sequential(layer("Convolution2D", CONVOLUTION)), "2.0.8", False),
        (sequential(layer("Convolution2D", CONVOLUTION)), None, True),
        (
            sequential(layer("Dense", {"name": "d", "batch_input_shape": [None, 3], "input_dtype": "float32"})),
            None,
            True,
        ),
        (sequential(layer("Dense", {"name": "d", "batch_input_shape": [None, 3], "dtype": "float32"})), None, False),
        (sequential(layer("TimeDistributed", {"layer": layer("Dense", {"W_regularizer": None})})), None, True),
        ({"name": "Sequential", "layers": []}, None, True),
        ({"class_name": "Functional", "config": {"layers": []}}, None, False),
    ],
)
def test_generation_is_told_by_version_then_by_content(document, version, expected):
    assert keras1.is_keras1(document, version) is expected


# --- single layers ------------------------------------------------------------------


def test_convolution_names_values_and_objects():
    [result] = upgraded("Convolution2D", CONVOLUTION)
    assert result["class_name"] == "Conv2D"
    assert result["config"] == {
        "name": "convolution2d_1",
        "trainable": True,
        "batch_input_shape": [None, 7, 8, 1],
        "input_dtype": "float32",
        "filters": 2,
        "kernel_size": [3, 2],
        "kernel_initializer": {
            "class_name": "VarianceScaling",
            "config": {"scale": 2.0, "mode": "fan_in", "distribution": "untruncated_normal"},
        },
        "activation": "relu",
        "padding": "same",
        "strides": [2, 1],
        "data_format": "channels_last",
        "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.5}},
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 3, "axis": 0}},
        "bias_constraint": None,
        "use_bias": True,
    }


@pytest.mark.parametrize(
    ("class_name", "config", "new_name", "part"),
    [
        ("Dense", {"output_dim": 4, "init": "orthogonal"}, "Dense",
         {"units": 4, "kernel_initializer": {"class_name": "Orthogonal", "config": {"gain": 1.1}}}),
        ("TimeDistributedDense", {"output_dim": 4, "input_length": 5}, "Dense", {"units": 4}),
        ("AtrousConvolution1D", {"nb_filter": 2, "filter_length": 3, "subsample_length": 1, "atrous_rate": 2}, "Conv1D",
         {"filters": 2, "kernel_size": 3, "strides": 1, "dilation_rate": 2}),
        ("Convolution3D", {"kernel_dim1": 1, "kernel_dim2": 2, "kernel_dim3": 3, "dim_ordering": "th"}, "Conv3D",
         {"kernel_size": [1, 2, 3], "data_format": "channels_first"}),
        ("ZeroPadding2D", {"padding": [1, 2, 0, 3]}, "ZeroPadding2D", {"padding": [[1, 2], [0, 3]]}),
        ("ZeroPadding2D", {"padding": {"top_pad": 1, "right_pad": 2}}, "ZeroPadding2D", {"padding": [[1, 0], [0, 2]]}),
        ("ZeroPadding2D", {"padding": [1, 2]}, "ZeroPadding2D", {"padding": [1, 2]}),
        ("ZeroPadding1D", {"padding": {"left_pad": 2}}, "ZeroPadding1D", {"padding": [2, 0]}),
        ("InputLayer", {"input_dtype": "int32"}, "InputLayer", {"dtype": "int32"}),
        ("LSTM", {"forget_bias_init": "one", "consume_less": "gpu"}, "LSTM", {"unit_forget_bias": True}),
        ("LSTM", {"forget_bias_init": "uniform"}, "LSTM", {"forget_bias_init": "uniform"}),
        ("GRU", {"consume_less": "cpu"}, "GRU", {"reset_after": False}),
        ("Reshape", {"dims": [2, 3]}, "Reshape", {"target_shape": [2, 3]}),
        ("Embedding", {"input_dim": 9, "output_dim": 2, "input_length": 4, "dropout": 0.0}, "Embedding",
         {"input_dim": 9, "output_dim": 2, "batch_input_shape": [None, 4]}),
        ("LSTM", {"output_dim": 2, "input_dim": 3, "input_length": None}, "LSTM",
         {"units": 2, "batch_input_shape": [None, None, 3]}),
    ],
)  # fmt: skip
def test_layer(class_name, config, new_name, part):
    [result] = upgraded(class_name, {"name": "x", **config}, image_dim_ordering="tf")
    ordering = {"data_format": "channels_last"} if class_name == "ZeroPadding2D" else {}
    assert result == layer(new_name, {"name": "x", **ordering, **part})


def test_dropout_of_embedding_rows_is_left_out_with_a_warning():
    with pytest.warns(UserWarning, match=r"embedding_1.*dropout=0.2"):
        [result] = upgraded("Embedding", {"name": "embedding_1", "input_dim": 9, "output_dim": 2, "dropout": 0.2})
    assert "dropout" not in result["config"]


def test_unknown_keys_are_refused_by_name():
    document = keras1.upgrade(sequential(layer("Dense", {**DENSE, "spin": 1})))
    with pytest.raises(ConfigError, match=r"dense_1.*spin"):
        build(document)


def test_a_class_of_the_users_is_left_alone():
    config = {"name": "scale_1", "init": "one", "input_dim": 4, "batch_input_shape": [None, 4]}
    assert upgraded("Scale", config) == [layer("Scale", config)]


@pytest.mark.parametrize(("mode", "words"), [(1, "each sample"), (2, "each batch"), (7, "unknown")])
def test_other_modes_of_batch_normalization_are_refused(mode, words):
    with pytest.raises(ConfigError, match=f"bn.*mode={mode}.*{words}"):
        upgraded("BatchNormalization", {"name": "bn", "mode": mode})


@pytest.mark.parametrize("version", [None, "1.0.5", "0.3.2"])
def test_batch_normalization_that_kept_standard_deviations_is_refused(version):
    document = {**sequential(layer("BatchNormalization", {"name": "bn", "mode": 0})), "keras_version": version}
    with pytest.raises(ConfigError, match="standard deviations"):
        keras1.upgrade(document)
    assert keras1.upgrade(document, keras_version="1.0.6")["config"][0]["config"] == {"name": "bn"}


# --- dim_ordering -------------------------------------------------------------------


def test_ordering_is_what_the_other_layers_record():
    cropping = layer("Cropping2D", {"name": "c", "cropping": [[1, 1], [0, 0]]})
    document = sequential(cropping, layer("Convolution2D", {**CONVOLUTION, "dim_ordering": "th"}))
    assert keras1.upgrade(document)["config"][0]["config"]["data_format"] == "channels_first"
    with pytest.raises(ConfigError, match=r"'c' \(Cropping2D\).*image_dim_ordering"):
        keras1.upgrade(sequential(cropping))
    mixed = sequential(cropping, layer("Convolution2D", CONVOLUTION), *document["config"][1:])
    with pytest.raises(ConfigError, match="image_dim_ordering"):
        keras1.upgrade(mixed)
    assert keras1.upgrade(mixed, image_dim_ordering="tf")["config"][0]["config"]["data_format"] == "channels_last"


def test_unknown_ordering_of_dropout_is_a_warning():
    with pytest.warns(UserWarning, match=r"'s' \(SpatialDropout2D\).*image_dim_ordering.*training"):
        [result] = upgraded("SpatialDropout2D", {"name": "s", "p": 0.5})
    assert "data_format" not in result["config"]


# --- Merge --------------------------------------------------------------------------


MERGE = {
    "name": "merge_1", "mode": "sum", "mode_type": "raw", "concat_axis": -1, "dot_axes": -1, "output_shape": None,
    "output_shape_type": "raw", "output_mask": None, "output_mask_type": "raw", "arguments": {},
}  # fmt: skip


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"mode": "sum"}, layer("Add", {"name": "merge_1"})),
        ({"mode": "mul"}, layer("Multiply", {"name": "merge_1"})),
        ({"mode": "ave"}, layer("Average", {"name": "merge_1"})),
        ({"mode": "max"}, layer("Maximum", {"name": "merge_1"})),
        ({"mode": "concat", "concat_axis": 1}, layer("Concatenate", {"name": "merge_1", "axis": 1})),
        ({"mode": "dot", "dot_axes": [2, 1]}, layer("Dot", {"name": "merge_1", "axes": [2, 1], "normalize": False})),
    ],
)
def test_merge_modes(config, expected):
    assert upgraded("Merge", {**MERGE, **config}) == [expected]


@pytest.mark.parametrize(
    "config", [{"mode_type": "lambda"}, {"mode": ["code"]}, {"mode_type": "function", "mode": "f"}]
)
def test_merge_by_function_is_refused(config):
    with pytest.raises(RefusedLayerError, match=r"merge_1.*Python function"):
        upgraded("Merge", {**MERGE, **config})


def functional(*layers, outputs):
    inputs = [item["name"] for item in layers if item["class_name"] == "InputLayer"]
    config = {
        "name": "model_1",
        "layers": list(layers),
        "input_layers": [[name, 0, 0] for name in inputs],
        "output_layers": [[name, 0, 0] for name in outputs],
    }
    return {"class_name": "Model", "config": config, "keras_version": "1.2.2"}


def node(class_name, config, *inputs):
    nodes = [[[name, 0, 0] for name in inputs]] if inputs else []
    return {"class_name": class_name, "name": config["name"], "config": config, "inbound_nodes": nodes}


def input_node(name, *shape):
    return node("InputLayer", {"name": name, "batch_input_shape": [None, *shape], "input_dtype": "float32"})


def test_cosine_keeps_the_axis_that_keras_1_added():
    merge = {**MERGE, "mode": "cos", "dot_axes": [1, 1]}
    document = functional(
        input_node("a", 3), input_node("b", 3), node("Merge", merge, "a", "b"), outputs=["merge_1"]
    )  # fmt: skip
    model = build(keras1.upgrade(document))
    a, b = np.float32([[1, 2, 2], [0, 3, 4]]), np.float32([[2, 0, 0], [5, 0, 0]])
    np.testing.assert_allclose(predict(model, [a, b]), [[[1 / 3]], [[0]]], rtol=1e-6, atol=1e-7)
    with pytest.raises(ConfigError, match="between vectors"):
        upgraded("Merge", {**merge, "dot_axes": [2, 2]})


def branch(position, size):
    config = {**DENSE, "name": f"dense_{position}", "batch_input_shape": [None, size], "input_dtype": "float32"}
    return layer("Sequential", [layer("Dense", config)])


def test_sequential_of_merged_branches_holds_their_layers():
    merge = layer("Merge", {**MERGE, "layers": [branch(1, 3), branch(2, 4)]})
    document = keras1.upgrade(sequential(merge, layer("Dense", {**DENSE, "name": "dense_3"})))
    model = build(json.loads(json.dumps(document)))
    assert [inner.name for inner in model.layers if inner.weights] == ["dense_1", "dense_2", "dense_3"]
    assert model.input_shape == [(None, 3), (None, 4)]
    x = [np.ones((1, 3), "float32"), np.ones((1, 4), "float32")]
    hidden = sum(value.sum(0) for value in (model.layers[1].get_weights()[0], model.layers[3].get_weights()[0]))
    np.testing.assert_allclose(predict(model, x)[0], hidden @ model.layers[-1].get_weights()[0], rtol=1e-5)


def test_merged_branches_nest_and_share_layers():
    inner = layer("Sequential", [layer("Merge", {**MERGE, "layers": [branch(1, 3), branch(1, 3)]})])
    outer = layer("Merge", {**MERGE, "name": "merge_2", "layers": [inner, branch(2, 4)]})
    model = build(keras1.upgrade(sequential(outer)))
    assert len(model.inputs) == 3
    dense_1, dense_2 = model.get_layer("dense_1"), model.get_layer("dense_2")
    x = [np.full((1, n), v, "float32") for n, v in ((3, 1), (3, 2), (4, 1))]
    expected = 3 * dense_1.get_weights()[0].sum(0) + dense_2.get_weights()[0].sum(0)
    np.testing.assert_allclose(predict(model, x)[0], expected, rtol=1e-5)


def test_different_layers_of_one_name_in_branches_are_refused():
    other = branch(1, 3)
    other["config"][0]["config"]["output_dim"] = 5
    merge = layer("Merge", {**MERGE, "layers": [branch(1, 3), other]})
    with pytest.raises(ConfigError, match="named 'dense_1"):
        keras1.upgrade(sequential(merge))


# --- windows ------------------------------------------------------------------------


def test_full_convolution_is_padded_first():
    config = {**CONVOLUTION, "border_mode": "full", "subsample": [1, 1]}
    padding, conv = upgraded("Convolution2D", config)
    assert padding == layer(
        "ZeroPadding2D",
        {
            "name": "convolution2d_1_padding",
            "padding": [[2, 2], [1, 1]],
            "data_format": "channels_last",
            "batch_input_shape": [None, 7, 8, 1],
            "input_dtype": "float32",
        },
    )
    assert conv["config"]["padding"] == "valid"
    assert "batch_input_shape" not in conv["config"]


FULL = {key: value for key, value in CONVOLUTION.items() if key not in ("batch_input_shape", "input_dtype")}
FULL["border_mode"] = "full"


def test_inserted_layers_are_wired_into_graphs():
    merge = {**MERGE, "mode": "cos", "dot_axes": [1, 1]}
    document = functional(
        input_node("image", 7, 8, 1),
        node("Convolution2D", FULL, "image"),
        node("Activation", {"name": "a", "activation": "relu"}, "convolution2d_1"),
        node("Merge", merge, "a", "a"),
        outputs=["convolution2d_1", "merge_1"],
    )
    config = keras1.upgrade(document)["config"]
    layers = {item["name"]: item["inbound_nodes"] for item in config["layers"]}
    assert layers == {
        "image": [],
        "convolution2d_1_padding": [[["image", 0, 0]]],
        "convolution2d_1": [[["convolution2d_1_padding", 0, 0]]],
        "a": [[["convolution2d_1", 0, 0]]],
        "merge_1": [[["a", 0, 0], ["a", 0, 0]]],
        "merge_1_expanded": [[["merge_1", 0, 0]]],
    }
    assert config["output_layers"] == [["convolution2d_1", 0, 0], ["merge_1_expanded", 0, 0]]


def test_inputs_that_a_layer_gave_back_are_found():
    document = functional(
        input_node("x", 3),
        node("Activation", {"name": "same", "activation": "linear"}, "x"),
        node("Dropout", {"name": "none", "p": 0.0}, "same"),
        node("Activation", {"name": "other", "activation": "relu"}, "x"),
        outputs=["none", "other"],
    )
    document["config"]["input_layers"] = [["none", 0, 0]]
    upgraded_config = keras1.upgrade(document)["config"]
    assert upgraded_config["input_layers"] == [["x", 0, 0]]
    assert upgraded_config["output_layers"] == [["none", 0, 0], ["other", 0, 0]]
    document["config"]["input_layers"] = [["other", 0, 0]]
    assert keras1.upgrade(document)["config"]["input_layers"] == [["other", 0, 0]]


def test_inserted_layers_in_time_distributed_are_wrapped_each():
    wrapper = {"name": "t", "batch_input_shape": [None, 2, 7, 8, 1], "layer": layer("Convolution2D", FULL)}
    padding, conv = upgraded("TimeDistributed", wrapper)
    assert padding["config"]["name"] == "t_convolution2d_1_padding"
    assert padding["config"]["batch_input_shape"] == [None, 2, 7, 8, 1]
    assert conv["config"]["name"] == "t"
    assert conv["config"]["layer"]["config"]["padding"] == "valid"
    assert "batch_input_shape" not in conv["config"]


@pytest.mark.parametrize(
    ("border_mode", "size", "strides", "expected"),
    [
        ("valid", 7, 1, {"padding": "valid"}),
        ("valid", 11, 2, {"padding": "valid"}),
        ("valid", 12, 2, {"padding": "valid", "output_padding": [1, 1]}),
        ("same", 10, 2, {"padding": "same"}),
    ],
)
def test_output_size_of_deconvolution(border_mode, size, strides, expected):
    config = {
        "name": "d", "nb_filter": 2, "nb_row": 3, "nb_col": 3, "dim_ordering": "th", "border_mode": border_mode,
        "subsample": [strides, strides], "output_shape": [None, 2, size, size],
    }  # fmt: skip
    [result] = upgraded("Deconvolution2D", config)
    kept = {key: value for key, value in result["config"].items() if "padding" in key}
    assert kept == expected
    assert "output_shape" not in result["config"]


def test_output_sizes_that_do_not_follow_are_refused():
    config = {
        "name": "d", "nb_row": 3, "nb_col": 3, "dim_ordering": "tf", "border_mode": "same", "subsample": [2, 2],
        "output_shape": [None, 9, 10, 2],
    }  # fmt: skip
    with pytest.raises(ConfigError, match=r"'d' \(Deconvolution2D\).*multiples"):
        upgraded("Deconvolution2D", config)
    with pytest.raises(ConfigError, match="height and width"):
        upgraded("Deconvolution2D", {**config, "output_shape": [None, None, None, 2]})


# --- Keras 0.3 ----------------------------------------------------------------------


def test_keras_0_3():
    document = {
        "name": "Sequential",
        "loss": "mse",
        "layers": [
            {"name": "Dense", "custom_name": "dense", "cache_enabled": True, "input_shape": [3], "output_dim": 2,
             "init": "uniform", "activation": "tanh", "input_dim": None, "trainable": True},
            {"name": "Dropout", "custom_name": "dropout", "cache_enabled": True, "trainable": True, "p": 0.5},
            {"name": "Dense", "custom_name": "dense", "cache_enabled": True, "trainable": True, "output_dim": 1,
             "init": "glorot_uniform", "activation": "linear", "input_dim": None},
        ],
    }  # fmt: skip
    layers = keras1.upgrade(document)["config"]
    assert [item["config"]["name"] for item in layers] == ["dense_1", "dropout_2", "dense_3"]
    assert layers[0]["config"]["batch_input_shape"] == [None, 3]
    assert "cache_enabled" not in layers[0]["config"]


def test_flatten_keeps_the_order_whatever_the_default(monkeypatch):
    monkeypatch.setattr(settings, "_image_data_format", "channels_first")
    document = sequential(layer("Flatten", {"name": "flatten_1", "batch_input_shape": [None, 2, 3, 4]}))
    x = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    np.testing.assert_array_equal(predict(build(keras1.upgrade(document)), x)[0], np.arange(24))


def test_graph_models_are_refused():
    with pytest.raises(ConfigError, match="Graph"):
        keras1.upgrade({"name": "Graph", "nodes": {}})


@pytest.mark.parametrize(
    "document",
    [
        {"class_name": "Sequential", "config": 3},
        {"class_name": "Sequential", "config": [3]},
        {"class_name": "Sequential", "config": [{"class_name": "Dense", "config": 3}]},
        {"class_name": "Model", "config": {"layers": 3}},
        {"class_name": "Model", "config": {"layers": [], "output_layers": 3, "input_layers": {}}},
        {"class_name": "Sequential", "config": [{"class_name": "Merge", "config": {"layers": 3}}]},
        {"class_name": "Sequential", "config": [{"class_name": "Merge", "config": {"layers": [{"class_name": 3}]}}]},
        {"class_name": "Sequential", "config": [{"class_name": [], "config": {}}]},
        {"name": "Sequential", "layers": [{"name": "Dense", "input_shape": 3}]},
        {"class_name": "Sequential", "config": [{"class_name": "TimeDistributed", "config": {}}]},
        {"class_name": "Sequential", "config": [{"class_name": "Convolution2D", "config": {
            "nb_row": "a", "nb_col": 2, "border_mode": "full", "dim_ordering": "tf"}}]},
        {"class_name": "Sequential", "config": [{"class_name": "ZeroPadding2D", "config": {"padding": {"up": 1}}}]},
        {"class_name": "Sequential", "config": [{"class_name": "Deconvolution2D", "config": {"dim_ordering": ["x"]}}]},
    ],
)  # fmt: skip
def test_malformed_documents_raise_load_errors(document):
    with pytest.raises(LoadError):
        build(keras1.upgrade(document, image_dim_ordering="tf"))
