"""Weights of Keras 1 in the order and layout of kcompat's layers."""

import numpy as np
import pytest

from kcompat.converters.keras import keras1
from kcompat.errors import LoadError, WeightMismatchError
from kcompat.layers import Conv1D, Conv2D, Conv3D, Dense, Layer, MaxPooling2D
from kcompat.models import Sequential


def numbers(*shape):
    return np.arange(np.prod(shape), dtype="float32").reshape(shape)


def named(class_name, **attributes):
    """A layer of a class of that name, of which conversion needs the name and some attributes only."""
    layer = type(class_name, (Layer,), {})(name="x")
    for key, value in attributes.items():
        object.__setattr__(layer, key, value)
    return layer


# --- convolutions -------------------------------------------------------------------


@pytest.mark.parametrize(("backend", "step"), [("tensorflow", 1), ("theano", -1)])
def test_kernel_of_channels_last(backend, step):
    kernel, bias = numbers(2, 3, 4, 5), numbers(5)
    converted = keras1.convert_weights(Conv2D(5, (2, 3), name="c"), ["c_W", "c_b"], [kernel, bias], backend=backend)
    np.testing.assert_array_equal(converted[0], kernel[::step, ::step])
    np.testing.assert_array_equal(converted[1], bias)


@pytest.mark.parametrize(("backend", "step"), [("tensorflow", 1), ("theano", -1)])
def test_kernel_of_channels_first(backend, step):
    kernel = numbers(5, 4, 2, 3)
    layer = Conv2D(5, (2, 3), data_format="channels_first", name="c")
    [converted] = keras1.convert_weights(layer, ["c_W"], [kernel], backend=backend)
    assert converted.shape == (2, 3, 4, 5)
    assert converted[1, 0, 2, 3] == kernel[3, 2, ::step, ::step][1, 0]


def test_kernel_of_volumes_of_channels_first():
    kernel = numbers(5, 4, 1, 2, 3)
    layer = Conv3D(5, (1, 2, 3), data_format="channels_first", name="c")
    [converted] = keras1.convert_weights(layer, ["c_W"], [kernel], backend="theano")
    assert converted.shape == (1, 2, 3, 4, 5)
    assert converted[0, 1, 0, 2, 3] == kernel[3, 2, 0, 0, 2]


@pytest.mark.parametrize(
    "stored", [numbers(3, 1, 2, 5), numbers(3, 1, 2, 5).transpose(3, 2, 0, 1)], ids=["Keras 1.1", "Keras 1.0"]
)
def test_kernel_over_time(stored):
    [converted] = keras1.convert_weights(Conv1D(5, 3, name="c"), ["c_W:0"], [stored])
    np.testing.assert_array_equal(converted, numbers(3, 1, 2, 5)[:, 0])


def test_kernel_of_transposed_convolution():
    layer = named("Conv2DTranspose", data_format="channels_last")
    [converted] = keras1.convert_weights(layer, ["x_W"], [numbers(2, 3, 4, 5)], backend="theano")
    np.testing.assert_array_equal(converted, numbers(2, 3, 4, 5)[::-1, ::-1].swapaxes(2, 3))
    layer = named("Conv2DTranspose", data_format="channels_first")
    [converted] = keras1.convert_weights(layer, ["x_W"], [numbers(5, 4, 2, 3)], backend="tensorflow")
    np.testing.assert_array_equal(converted, numbers(5, 4, 2, 3).transpose(2, 3, 0, 1))


def test_kernels_of_separable_convolution():
    layer = named("SeparableConv2D", data_format="channels_first")
    stored = [numbers(2, 3, 5, 4), numbers(7, 6, 1, 1), numbers(7)]
    depthwise, pointwise, bias = keras1.convert_weights(layer, ["d:0", "p:0", "b:0"], stored)
    assert depthwise.shape == (5, 4, 3, 2)
    assert pointwise.shape == (1, 1, 6, 7)
    assert bias.shape == (7,)


def test_backend_is_asked_for_only_where_it_matters():
    layer = Conv2D(2, 3, name="c")
    with pytest.raises(LoadError, match=r"'c' \(Conv2D\).*original_backend"):
        keras1.convert_weights(layer, ["c_W"], [numbers(3, 3, 1, 2)])
    even = np.ones((3, 3, 1, 2), "float32")
    np.testing.assert_array_equal(keras1.convert_weights(layer, ["c_W"], [even])[0], even)
    pointwise = numbers(1, 1, 3, 2)
    converted = keras1.convert_weights(Conv2D(2, 1, name="c"), ["c_W"], [pointwise])
    np.testing.assert_array_equal(converted[0], pointwise)
    keras1.convert_weights(Dense(2, name="d"), ["d_W", "d_b"], [numbers(3, 2), numbers(2)])


@pytest.mark.parametrize(
    ("layer", "alike"),
    [
        (Conv2D(2, 3, padding="same"), True),
        (Conv2D(2, 1, strides=2, padding="same"), True),
        (Conv2D(2, 2, strides=2), True),
        (Conv2D(2, 2, padding="same"), False),
        (Conv2D(2, 3, strides=2, padding="same"), False),
        (MaxPooling2D(3, strides=1, padding="same"), True),
        (MaxPooling2D(2, padding="same"), False),
    ],
)
def test_backend_is_asked_for_where_it_decides_the_padding(layer, alike):
    model = Sequential([layer])
    assert keras1.known_backend(model, ["c_W"], "theano") == "theano"
    assert keras1.known_backend(model, ["d_W", "s/c_W_1:0"], None) == "tensorflow"
    if alike:
        assert keras1.known_backend(model, ["c_W", "param_0"], None) is None
    else:
        with pytest.raises(LoadError, match=f"'{layer.name}'.*original_backend"):
            keras1.known_backend(model, ["c_W", "param_0"], None)


# --- recurrent layers ---------------------------------------------------------------


def gates(letters):
    """W, U, b of each gate, as wide as one unit, filled with the gate's letter code."""
    return [np.full(shape, ord(letter), "float32") for letter in letters for shape in ((3, 1), (1, 1), (1,))]


@pytest.mark.parametrize(("class_name", "stored", "wanted"), [("LSTM", "icfo", "ifco"), ("GRU", "zrh", "zrh")])
def test_gates_are_packed(class_name, stored, wanted):
    arrays = gates(stored)
    converted = keras1.convert_weights(named(class_name), [f"x_{i}" for i in range(len(arrays))], arrays)
    assert [array.shape for array in converted] == [(3, len(wanted)), (1, len(wanted)), (len(wanted),)]
    for array in converted:
        assert [chr(int(code)) for code in np.atleast_2d(array)[0]] == list(wanted)


@pytest.mark.parametrize("class_name", ["LSTM", "GRU", "SimpleRNN"])
def test_packed_gates_stay(class_name):
    arrays = [numbers(3, 8), numbers(2, 8), numbers(8)]
    assert keras1.convert_weights(named(class_name), ["x_W", "x_U", "x_b"], arrays) == arrays


def test_gates_of_convolutional_lstm():
    stored = [array for gate in range(4) for array in (numbers(2, 5, 3, 3) + gate, numbers(2, 2, 3, 3), numbers(2))]
    layer = named("ConvLSTM2D", data_format="channels_first", padding="valid", strides=(1, 1), kernel_size=(3, 3))
    kernel, recurrent, bias = keras1.convert_weights(layer, [f"x_{i}" for i in range(12)], stored, backend="theano")
    assert (kernel.shape, recurrent.shape, bias.shape) == ((3, 3, 5, 8), (3, 3, 2, 8), (8,))
    np.testing.assert_array_equal(kernel[0, 2, 1, 2:4], stored[6][:, 1, 2, 0])
    np.testing.assert_array_equal(recurrent[0, 2, 1, :2], stored[1][:, 1, 2, 0])


@pytest.mark.parametrize(
    "window", [{"kernel_size": (2, 3), "strides": (1, 1)}, {"kernel_size": (3, 3), "strides": (2, 1)}]
)
def test_convolutional_lstm_whose_windows_theano_placed_otherwise_is_refused(window):
    layer = named("ConvLSTM2D", data_format="channels_last", padding="same", **window)
    with pytest.raises(LoadError, match=r"'x' \(ConvLSTM2D\).*Theano"):
        keras1.convert_weights(layer, ["x_W"], [numbers(2)], backend="theano")


def test_both_directions_and_wrapped_layers():
    layer = named("Bidirectional", forward_layer=named("LSTM"), backward_layer=named("LSTM"))
    arrays = gates("icfo") + gates("icfo")
    assert len(keras1.convert_weights(layer, [f"x_{i}" for i in range(24)], arrays)) == 6
    inner = Conv2D(5, (2, 3), data_format="channels_first", name="c")
    [converted] = keras1.convert_weights(named("TimeDistributed", layer=inner), ["c_W:0"], [numbers(5, 4, 2, 3)])
    assert converted.shape == (2, 3, 4, 5)


@pytest.mark.parametrize("roles", [["W", "W_carry", "b", "b_carry"], ["W", "b", "W_carry", "b_carry"]])
def test_highway_has_one_order(roles):
    arrays = {"W": numbers(2, 2), "W_carry": numbers(2, 2) + 9, "b": numbers(2), "b_carry": numbers(2) + 9}
    names = [f"highway_1_{role}:0" for role in roles]
    converted = keras1.convert_weights(named("Highway"), names, [arrays[role] for role in roles])
    for array, role in zip(converted, ["W", "W_carry", "b", "b_carry"], strict=True):
        np.testing.assert_array_equal(array, arrays[role])


# --- nested models ------------------------------------------------------------------


def nested():
    inner = Sequential([Dense(2, name="dense_2", input_shape=(3,))], name="inner")
    model = Sequential([Dense(3, name="dense_1", input_shape=(3,)), inner, Dense(2, name="dense")], name="outer")
    model.get_layer("dense_1").trainable = False
    return model


ARRAYS = {
    "dense_1_W": numbers(3, 3), "dense_1_b": numbers(3), "dense_2_W": numbers(3, 2) + 1, "dense_2_b": numbers(2) + 1,
    "dense_W": numbers(2, 2) + 2, "dense_b": numbers(2) + 2,
}  # fmt: skip
FROZEN_LAST = ["dense_2_W", "dense_2_b", "dense_W", "dense_b", "dense_1_W", "dense_1_b"]


@pytest.mark.parametrize(
    "form", ["{}", "{}:0", "scope/{}_1:0", "param_{}"], ids=["theano", "tensorflow", "renamed", "nameless"]
)
def test_nested_models_list_trainable_weights_first(form):
    names = [form.format(name if "param" not in form else i) for i, name in enumerate(FROZEN_LAST)]
    converted = keras1.convert_weights(nested(), names, [ARRAYS[name] for name in FROZEN_LAST])
    for array, name in zip(converted, ARRAYS, strict=True):
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_names_tell_layers_apart_whatever_was_frozen():
    order = ["dense_b", "dense_1_W", "dense_2_W", "dense_W", "dense_1_b", "dense_2_b"]
    converted = keras1.convert_weights(nested(), order, [ARRAYS[name] for name in order])
    expected = ["dense_1_W", "dense_1_b", "dense_2_W", "dense_2_b", "dense_b", "dense_W"]
    for array, name in zip(converted, expected, strict=True):
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_nameless_weights_of_another_number_are_refused():
    with pytest.raises(WeightMismatchError, match="'outer' has 6 weights by its config and 5 in the file"):
        keras1.convert_weights(nested(), [f"param_{i}" for i in range(5)], [numbers(2)] * 5)
