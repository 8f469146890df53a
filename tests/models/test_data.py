"""What predict and calls accept as data. Where Keras 3 answers, the answer is Keras's."""

import numpy as np
import pytest

import kcompat
from kcompat import Input, Model, Sequential, layers
from kcompat.errors import ArgumentError, InputError


@pytest.fixture
def double():
    """x -> 2x for four numbers."""
    return Sequential([Input((4,)), layers.Dense(4, kernel_initializer=kcompat.initializers.Identity(2.0))])


@pytest.fixture
def pair():
    """Two named inputs; outputs scale the first by 2, the second by 3."""
    a, b = Input((2,), name="a"), Input((3,), name="b")
    scaled = [
        layers.Dense(2, kernel_initializer=kcompat.initializers.Identity(2.0))(a),
        layers.Dense(3, kernel_initializer=kcompat.initializers.Identity(3.0))(b),
    ]
    return Model([a, b], scaled)


A, B = np.array([[1.0, 2.0]]), np.array([[3.0, 4.0, 5.0]])
X = np.arange(20.0).reshape(5, 4)


@pytest.mark.parametrize(
    "x",
    [X, X.astype(np.int64), X.astype(np.uint8), X.tolist(), [X], [X.astype(">f8")], np.asfortranarray(X), X[::1, ::1]],
    ids=["float64", "int64", "uint8", "list", "wrapped", "big-endian", "fortran", "view"],
)
def test_data_is_cast_and_lists_are_arrays(double, x):
    result = double.predict(x, verbose=0)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result, 2 * X)
    np.testing.assert_array_equal(double(x), 2 * X)


def test_booleans_are_numbers(double):
    np.testing.assert_array_equal(double(X > 5), 2.0 * (X > 5))


@pytest.mark.parametrize("batch_size", [1, 2, 5, 7, None, np.int64(3)])
def test_batches_do_not_change_the_result(double, batch_size):
    np.testing.assert_array_equal(double.predict(X, batch_size=batch_size, verbose=0), 2 * X)


@pytest.mark.parametrize(
    "data", [[A, B], (A, B), {"a": A, "b": B}, {"b": B, "a": A, "unused": X}], ids=["list", "tuple", "dict", "more"]
)
def test_several_inputs_by_order_and_name(pair, data):
    for first, second in (pair.predict(data, verbose=0), pair(data)):
        np.testing.assert_array_equal(first, 2 * A)
        np.testing.assert_array_equal(second, 3 * B)


def test_dicts_of_inputs_and_outputs():
    inputs = {"y": Input((3,), name="layer_y"), "x": Input((2,), name="layer_x")}
    model = Model(inputs, {"second": inputs["y"], "first": inputs["x"]})
    assert [tensor.name for tensor in model.inputs] == ["layer_x", "layer_y"]
    for data in ({"x": A, "y": B}, {"layer_x": A, "layer_y": B}, [A, B]):
        result = model.predict(data, verbose=0)
        assert list(result) == ["second", "first"]
        np.testing.assert_array_equal(result["first"], A)
        np.testing.assert_array_equal(result["second"], B)


def test_nested_structures():
    a, b, c = Input((2,)), Input((3,)), Input((4,))
    model = Model([a, {"b": b, "c": c}], {"all": (a, [b]), "c": c})
    result = model.predict([A, {"c": X[:1], "b": B}], verbose=0)
    np.testing.assert_array_equal(result["all"][0], A)
    np.testing.assert_array_equal(result["all"][1][0], B)
    np.testing.assert_array_equal(result["c"], X[:1])


def test_a_last_axis_of_one_is_added_or_dropped():
    column, scalars = Sequential([Input((1,)), layers.Flatten()]), Model(*[Input(())] * 2)
    assert column.predict([1.0, 2.0, 3.0], verbose=0).tolist() == [[1], [2], [3]]
    assert column.predict(np.ones((3, 1)), verbose=0).shape == (3, 1)
    assert scalars.predict([1.0, 2.0, 3.0], verbose=0).tolist() == [1, 2, 3]
    assert scalars.predict(np.ones((3, 1)), verbose=0).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (X[0], r"takes shape \(None, 4\), received \(4,\); the batch axis is missing: pass x\[None\]"),
        ([X[0], X[1]], r"takes 1 \(.*\), received 2; stack samples into one array with np.stack"),
        (X[:, :3], r"takes shape \(None, 4\), received \(5, 3\)$"),
        (X[:0], "there is no sample to predict"),
        ([[1, 2, 3, 4], [5, 6]], "received data that is not"),
        ([["1", "2", "3", "4"]], "its dtype is <U1"),
        (X * 1j, "its dtype is complex128"),
        (X.astype("datetime64[s]"), "its dtype is datetime64"),
        (None, "it holds NoneType objects"),
        (np.array([[None, 1, 2, 3]]), "it holds NoneType objects"),
        ({"other": X}, "no data for"),
    ],
)
def test_wrong_data_is_refused(double, x, message):
    with pytest.raises(InputError, match=message):
        double.predict(x, verbose=0)


def test_one_image_without_batch_axis():
    model = Sequential([Input((28, 28, 1)), layers.Flatten()])
    with pytest.raises(InputError, match=r"\(None, 28, 28, 1\), received \(28, 28, 1\); the batch axis is missing"):
        model.predict(np.zeros((28, 28, 1)), verbose=0)
    with pytest.raises(InputError, match=r"received \(28, 28\)$"):
        model.predict(np.zeros((28, 28)), verbose=0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([A], r"takes 2 \(a, b\), received 1"),
        (A, r"takes 2 \(a, b\), received 1"),
        ([A, B, A], r"takes 2 \(a, b\), received 3"),
        ({"a": A}, "no data for 'b'"),
        ([np.repeat(A, 2, 0), B], r"different numbers of samples: {'a': 2, 'b': 1}"),
        ([B, A], r"input 'a' takes shape \(None, 2\), received \(1, 3\)"),
    ],
)
def test_wrong_data_for_several_inputs_is_refused(pair, data, message):
    with pytest.raises(InputError, match=message):
        pair.predict(data, verbose=0)


class Loader:
    """Has a length and yields batches, as data loaders do."""

    def __len__(self):
        return 2

    def __iter__(self):
        return iter([(X[:3], "targets"), (X[3:], "targets")])


@pytest.mark.parametrize(
    "batches",
    [
        lambda: (x for x in (X[:3], X[3:])),
        lambda: ((x,) for x in (X[:3], X[3:])),
        lambda: iter([(X[:3], "y"), (X[3:], "y", "weights")]),
        Loader,
    ],
    ids=["arrays", "(x,)", "(x, y)", "loader"],
)
def test_generators_of_batches(double, batches):
    np.testing.assert_array_equal(double.predict(batches(), verbose=0), 2 * X)
    np.testing.assert_array_equal(double.predict(batches(), verbose=0, steps=1), 2 * X[:3])


def test_steps_do_not_draw_more_batches_than_needed(double):
    batches = iter([X[:1], X[1:2], X[2:3]])
    double.predict(batches, steps=2, verbose=0)
    assert len(list(batches)) == 1


def test_generators_of_named_inputs(pair):
    first, second = pair.predict(iter([({"a": A, "b": B}, "y"), [A, B]]), verbose=0)
    np.testing.assert_array_equal(first, np.repeat(2 * A, 2, 0))
    np.testing.assert_array_equal(second, np.repeat(3 * B, 2, 0))


def test_steps_beyond_the_data_warn(double):
    with pytest.warns(UserWarning, match="ended after 2 of 4 steps"):
        np.testing.assert_array_equal(double.predict(X, batch_size=3, steps=4, verbose=0), 2 * X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size must be a positive integer, received 0"),
        ({"batch_size": 2.5}, "batch_size must be a positive integer, received 2.5"),
        ({"verbose": 3}, "verbose must be 'auto', 0, 1 or 2, received 3"),
        ({"callbacks": ["x"]}, "callbacks must be Callback objects"),
    ],
)
def test_wrong_options_are_refused(double, options, message):
    with pytest.raises(ArgumentError, match=message):
        double.predict(X, **{"verbose": 0, **options})


def test_batch_size_is_not_for_generators(double):
    with pytest.raises(ArgumentError, match="batch_size is for arrays"):
        double.predict(iter([X]), batch_size=2)


def test_a_fixed_batch_size():
    model = Sequential([Input(batch_shape=(2, 3)), layers.Flatten()])
    x = np.arange(12.0).reshape(4, 3)
    np.testing.assert_array_equal(model.predict(x, verbose=0), x)
    with pytest.raises(InputError, match="takes batches of 2; 3 samples leave one of 1"):
        model.predict(x[:3], verbose=0)
    with pytest.raises(ArgumentError, match=r"batch_size=4, but input '.*' takes batches of 2"):
        model.predict(x, batch_size=4, verbose=0)
    with pytest.raises(InputError, match=r"takes shape \(2, 3\), received \(4, 3\)"):
        model(x)


def test_predictions_are_not_views_of_the_data():
    inputs = Input((4,))
    x = X.astype(np.float32)
    result = Model(inputs, inputs).predict(x, verbose=0)
    result += 1
    np.testing.assert_array_equal(x, X)


def test_predict_on_batch_and_calls_on_weights(double):
    np.testing.assert_array_equal(double.predict_on_batch(X), 2 * X)
    double.layers[0].set_weights([np.eye(4), np.ones(4)])
    np.testing.assert_array_equal(double.predict(X, verbose=0), X + 1)
