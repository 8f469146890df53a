"""Recurrent layers beyond the recorded cases: states, cells, arguments, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kcompat
from kcompat import Model, activations, layers
from kcompat.errors import ArgumentError, InputError, ShapeError
from kcompat.ir import Value
from kcompat.layers import Layer
from kcompat.layers.emitter import Emitter
from kcompat.operators import recurrent

RNG = np.random.default_rng(11)
X = RNG.normal(size=(2, 4, 3)).astype(np.float32)
MASK = np.array([[False, True, True, False], [True, False, True, True]])
KINDS = {"SimpleRNN": 1, "GRU": 1, "LSTM": 2}


def close(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def alike(layer: Layer, other: Layer, x: np.ndarray = X) -> None:
    """Build both and give the second the first one's weights."""
    layer(x), other(x)
    other.set_weights(layer.get_weights())


# --- operators -----------------------------------------------------------------------


def test_activations_are_those_of_the_same_name() -> None:
    x = np.linspace(-4, 4, 12, dtype=np.float32).reshape(2, 6)
    for name in recurrent.ACTIVATIONS:
        np.testing.assert_array_equal(recurrent.activation_function(name)(x), activations.get(name)(x), err_msg=name)
    needing_arguments = {"threshold", "glu"}
    assert set(recurrent.ACTIVATIONS) == {a.name for a in activations.ACTIVATIONS.values()} - needing_arguments


def test_gates_have_their_activation_one_by_one() -> None:
    layer = layers.GRU(3, recurrent_activation="softmax", use_bias=False, reset_after=False)
    h = layer(X[:, :1])
    w = layer.get_weights()[0]
    z = activations.softmax(X[:, 0] @ w[:, :3])
    close(h, (1 - z) * np.tanh(X[:, 0] @ w[:, 6:]))


# --- states --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_halves(kind: str) -> None:
    layer = getattr(layers, kind)(3, return_state=True)
    whole = layer(X)
    _, *states = layer(X[:, :2])
    for actual, expected in zip(layer(X[:, 2:], initial_state=states), whole, strict=True):
        close(actual, expected)
    for actual, expected in zip(layer([X[:, 2:], *states]), whole, strict=True):
        close(actual, expected)


def test_states_come_before_any_real_step() -> None:
    """Until a first real step the output is zeros and the states are those at the start."""
    h = RNG.normal(size=(2, 3)).astype(np.float32)
    layer = layers.SimpleRNN(3, return_sequences=True, return_state=True)
    outputs, state = layer(X, initial_state=[h], mask=np.zeros((2, 4), bool))
    np.testing.assert_array_equal(outputs, np.zeros((2, 4, 3)))
    np.testing.assert_array_equal(state, h)


def test_masks_of_numbers() -> None:
    layer = layers.LSTM(3)
    np.testing.assert_array_equal(layer(X, mask=MASK.astype(np.float32)), layer(X, mask=MASK))


@pytest.mark.parametrize("kind", KINDS)
def test_stateful_layers_go_on(kind: str) -> None:
    kept = getattr(layers, kind)(3, stateful=True)
    plain = getattr(layers, kind)(3)
    x = layers.Input(batch_shape=(2, 2, 3))
    model = Model(x, kept(x))
    plain(X)
    plain.set_weights(kept.get_weights())
    assert [weight.name for weight in kept.weights] == ["kernel", "recurrent_kernel", "bias"]
    for _ in range(2):
        close(model(X[:, :2]), plain(X[:, :2]))
        close(model(X[:, 2:]), plain(X))
        model.reset_state()
    close(model.predict(np.concatenate([X[:, :2], X[:, 2:]]), verbose=0)[2:], plain(X))


def test_states_can_be_set() -> None:
    layer = layers.LSTM(3, stateful=True, return_state=True)
    _, h, c = layer(X)
    after = layer(X)
    layer.reset_states([h, c])
    close(layer(X)[0], after[0])
    with pytest.raises(ArgumentError, match="2 states to set, received 1"):
        layer.reset_states([h])


def test_stateful_layers_need_a_batch_size() -> None:
    with pytest.raises(ArgumentError, match=r"'carry' \(GRU\): stateful=True needs a known batch size"):
        layers.GRU(3, stateful=True, name="carry")(layers.Input((4, 3)))
    x = layers.Input(batch_shape=(2, 4, 3))
    with pytest.raises(InputError, match="batches of 2"):
        Model(x, layers.GRU(3, stateful=True)(x)).predict(np.concatenate([X, X[:1]]), verbose=0)


def test_a_stateful_layer_called_twice_goes_on_within_a_batch() -> None:
    layer = layers.SimpleRNN(3, stateful=True)
    x = layers.Input(batch_shape=(2, 2, 3))
    first, second = Model(x, [layer(x), layer(x)]).predict(X[:, :2], verbose=0)
    plain = layers.SimpleRNN(3)
    plain(X)
    plain.set_weights(layer.get_weights())
    close(first, plain(X[:, :2]))
    close(second, plain(np.concatenate([X[:, :2], X[:, :2]], axis=1)))


def test_stateful_bidirectional() -> None:
    layer = layers.Bidirectional(layers.GRU(2, stateful=True))
    before = layer(X)
    assert np.abs(layer(X) - before).max() > 1e-3
    layer.reset_state()
    np.testing.assert_array_equal(layer(X), before)


# --- cells ---------------------------------------------------------------------------


class Minimal(Layer):
    """h = tanh(x w + h u), a cell of one's own."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.state_size = units

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight((input_shape[-1], self.state_size), name="kernel")
        self.recurrent_kernel = self.add_weight((self.state_size, self.state_size), name="recurrent_kernel")

    def emit(self, b: Emitter, x: Value, states: Any) -> Any:
        h = b.tanh(b.add(b.dense(x, self.kernel), b.dense(states[0], self.recurrent_kernel)))
        return h, [h]


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("mask", [None, MASK], ids=["plain", "masked"])
def test_cells_of_ones_own_are_unrolled(mask: Any, zeros: bool, backwards: bool) -> None:
    options = {"go_backwards": backwards, "zero_output_for_mask": zeros, "return_sequences": True, "return_state": True}
    own = layers.RNN(Minimal(3), **options)
    built_in = layers.SimpleRNN(3, use_bias=False, **options)
    alike(own, built_in)
    h = RNG.normal(size=(2, 3)).astype(np.float32)
    for state in (None, [h]):
        for actual, expected in zip(own(X, state, mask=mask), built_in(X, state, mask=mask), strict=True):
            close(actual, expected)


def test_unrolling_needs_a_known_length() -> None:
    with pytest.raises(ArgumentError, match=r"'mine' \(Minimal\).*known number of steps.*\[batch,\?,3\]"):
        layers.RNN(Minimal(3, name="mine"))(layers.Input((None, 3)))


@pytest.mark.parametrize(("kind", "count"), KINDS.items())
def test_one_step_of_a_cell(kind: str, count: int) -> None:
    cell = getattr(layers, f"{kind}Cell")(3)
    rnn = layers.RNN(cell, return_state=True)
    expected = rnn(X[:, :2])
    states: Any = [np.zeros((2, 3), np.float32)] * count
    for time in range(2):
        output, states = cell(X[:, time], states)
    for actual, wanted in zip([output, *states], expected, strict=True):
        close(actual, wanted)


def test_stacked_cells_are_stacked_layers() -> None:
    cells = [layers.LSTMCell(3), Minimal(2), layers.GRUCell(4)]
    stacked = layers.RNN(cells, return_state=True, go_backwards=True)
    output, *states = stacked(X, mask=MASK)
    first = layers.RNN(cells[0], return_sequences=True, return_state=True, go_backwards=True)
    second = layers.RNN(cells[1], return_sequences=True, return_state=True)
    third = layers.RNN(cells[2], return_state=True)
    one, *h_and_c = first(X, mask=MASK)
    two, middle = second(one, mask=MASK[:, ::-1])
    three, last = third(two, mask=MASK[:, ::-1])
    close(output, three)
    for actual, expected in zip(states, [*h_and_c, middle, last], strict=True):
        close(actual, expected)
    close(stacked(X, initial_state=states)[0], stacked([X, *states])[0])


def test_stacked_cells_in_the_older_order() -> None:
    cells = [layers.LSTMCell(3), layers.GRUCell(4)]
    new = layers.RNN(layers.StackedRNNCells(cells), return_state=True)
    old = layers.RNN(layers.StackedRNNCells(cells, reverse_state_order=True), return_state=True)
    output, h, c, last = new(X)
    for actual, expected in zip(old(X), [output, last, h, c], strict=True):
        close(actual, expected)
    close(old(X, initial_state=[last, h, c])[0], new(X, initial_state=[h, c, last])[0])


def test_stacked_cells_step_by_step() -> None:
    stack = layers.StackedRNNCells([layers.LSTMCell(3), Minimal(2)])
    expected = layers.RNN(stack, return_state=True)(X[:, :1])
    zeros = [np.zeros((2, size), np.float32) for size in (3, 3, 2)]
    output, states = stack(X[:, 0], zeros)
    for actual, wanted in zip([output, *states], expected, strict=True):
        close(actual, wanted)


# --- arguments -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_that_change_nothing(kind: str) -> None:
    layer = getattr(layers, kind)(3)
    other = getattr(layers, kind)(3, implementation=1, unroll=True, dropout=0.5, recurrent_dropout=0.5)
    alike(layer, other)
    np.testing.assert_array_equal(layer(X), other(X))


def test_positional_arguments_are_keras_s() -> None:
    layer = layers.LSTM(3, "relu", "hard_sigmoid", False, "he_normal", "zeros")
    assert (layer.activation.name, layer.recurrent_activation.name, layer.use_bias) == ("relu", "hard_sigmoid", False)
    assert [type(i).__name__ for i in (layer.kernel_initializer, layer.recurrent_initializer)] == ["HeNormal", "Zeros"]


def test_an_input_declared_by_its_sizes() -> None:
    assert kcompat.Sequential([layers.LSTM(2, input_dim=3, input_length=5)]).input_shape == (None, 5, 3)
    assert kcompat.Sequential([layers.GRU(2, input_dim=3)]).input_shape == (None, None, 3)
    assert kcompat.Sequential([layers.Embedding(7, 2, input_length=5)]).output_shape == (None, 5, 2)


def test_the_forget_gate_starts_open() -> None:
    layer = layers.LSTM(2, bias_initializer="zeros")
    layer(X)
    np.testing.assert_array_equal(layer.cell.bias.value, [0, 0, 1, 1, 0, 0, 0, 0])
    conv = layers.ConvLSTM1D(1, 2, unit_forget_bias=False)
    conv(np.zeros((1, 2, 3, 1)))
    np.testing.assert_array_equal(conv.cell.bias.value, np.zeros(4))


def test_paths_of_weights() -> None:
    layer = layers.Bidirectional(layers.LSTM(2, name="words"), name="both")
    layer(X)
    assert [weight.path for weight in layer.weights[::3]] == [
        "both/forward_words/lstm_cell/kernel",
        "both/backward_words/lstm_cell/kernel",
    ]


@pytest.mark.parametrize("sequences", [False, True])
def test_time_major(sequences: bool) -> None:
    layer = layers.GRU(3, return_sequences=sequences, return_state=True)
    turned = layers.GRU(3, return_sequences=sequences, return_state=True, time_major=True)
    alike(layer, turned)
    output, state = layer(X, mask=MASK)
    other, other_state = turned(X.swapaxes(0, 1), mask=MASK.T)
    close(other.swapaxes(0, 1) if sequences else other, output)
    close(other_state, state)


# --- Bidirectional -------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_initial_states_of_both_directions(kind: str) -> None:
    layer = layers.Bidirectional(getattr(layers, kind)(3, return_state=True), merge_mode=None)
    forward, backward, *states = layer(X)
    half = len(states) // 2
    close(layer(X, initial_state=states)[0], layer.forward_layer(X, initial_state=states[:half])[0])
    close(layer([X, *states])[1], layer.backward_layer(X, initial_state=states[half:])[0])
    close(forward, layer.forward_layer(X)[0])
    close(backward, layer.backward_layer(X)[0])


def test_masked_outputs_of_both_directions() -> None:
    inner = layers.SimpleRNN(3, return_sequences=True)
    new = layers.Bidirectional(inner, merge_mode=None)
    old = layers.Bidirectional(inner, merge_mode=None, repeats_masked=True)
    alike(new, old)
    (forward, backward), (kept, kept_backward) = new(X, mask=MASK), old(X, mask=MASK)
    np.testing.assert_array_equal(forward[~MASK], np.zeros((3, 3)))
    np.testing.assert_array_equal(backward[~MASK], np.zeros((3, 3)))
    np.testing.assert_array_equal(kept[MASK], forward[MASK])
    np.testing.assert_array_equal(kept[0, 3], kept[0, 2])
    np.testing.assert_array_equal(kept_backward[1, 1], kept_backward[1, 2])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Bidirectional(layers.Dense(3)), "needs a recurrent layer"),
        (lambda: layers.Bidirectional(layers.GRU(3), backward_layer=layers.GRU(3)), "both have go_backwards=False"),
        (
            lambda: layers.Bidirectional(
                layers.GRU(3), backward_layer=layers.GRU(3, go_backwards=True, return_state=True)
            ),
            "'return_state' must be the same",
        ),
        (lambda: layers.Bidirectional(layers.GRU(3), merge_mode="max"), "merge_mode"),
        (lambda: layers.RNN(layers.Dense(3)), "'cell' must be a cell"),
        (lambda: layers.RNN([]), "cells are empty"),
        (lambda: layers.LSTM(3, activation=layers.LeakyReLU()), "'activation' must be the name of one of"),
        (lambda: layers.LSTM(0), "'units' must be a positive integer"),
        (lambda: layers.ConvLSTM2D(2, 3, strides=2, dilation_rate=2), "cannot both exceed one"),
        (lambda: layers.TimeDistributed(layers.GRU(3, stateful=True)), "is stateful"),
        (lambda: layers.LSTM(3)(X, initial_state=[X[:, 0]]), "must have 2 states, received 1"),
        (lambda: layers.LSTM(3)(X, constants=[X]), "constants are not supported"),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.LSTM(3)(X[0]), "batch, time, features"),
        (lambda: layers.ConvLSTM2D(2, 3)(X), "4 axes"),
        (lambda: layers.SimpleRNN(3)(X, initial_state=[np.zeros((2, 4), np.float32)]), "a state"),
    ],
)
def test_wrong_shapes(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()
