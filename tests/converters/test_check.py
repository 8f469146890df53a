"""Comparing two models on seeded inputs."""

import numpy as np
import pytest

import kcompat as keras
from kcompat.converters.checking import check
from kcompat.converters.seeded_inputs import seeded_inputs
from kcompat.converters.side import side_of
from kcompat.errors import InputError, MissingDependencyError

layers = keras.layers


def drawn(model, seed=0):
    side = side_of(model)
    return seeded_inputs(side, side.inputs, seed)


def chain(*items):
    return keras.Sequential(list(items))


def test_indices_stay_inside_an_embedding():
    indices = keras.Input((7,), name="i")
    nested = chain(keras.Input((7,)), layers.Reshape((7, 1)), layers.Embedding(3, 2), layers.Flatten())
    (array,) = drawn(keras.Model(indices, nested(indices)))
    assert array.shape == (2, 7)
    assert array.dtype == np.float32
    assert set(array.ravel()) == {0, 1, 2}


def test_the_narrowest_of_two_embeddings():
    indices = keras.Input((9,), dtype="int32")
    joined = layers.Concatenate()([layers.Embedding(2, 4)(indices), layers.Embedding(900, 4)(indices)])
    (array,) = drawn(keras.Model(indices, joined))
    assert set(array.ravel()) == {0, 1}


def test_categories_and_tokens():
    (array,) = drawn(chain(keras.Input((6,), dtype="int32"), layers.CategoryEncoding(4, output_mode="multi_hot")))
    assert set(array.ravel()) <= {0, 1, 2, 3}
    lookup = layers.StringLookup(vocabulary=["red", "blue"])
    (array,) = drawn(chain(keras.Input((6,), dtype="string"), lookup))
    assert {item.decode() if isinstance(item, bytes) else item for item in array.ravel()} == {"red", "blue"}


def test_open_sizes_grow_until_the_model_takes_them():
    pools = [layers.MaxPooling2D(8) for _ in range(2)]
    (array,) = drawn(chain(keras.Input((None, None, 1)), *pools))
    assert array.shape == (2, 64, 64, 1)


def test_the_same_seed_gives_the_same_inputs():
    model = chain(keras.Input((3,)), layers.Dense(2))
    assert np.array_equal(drawn(model)[0], drawn(model)[0])
    assert not np.array_equal(drawn(model)[0], drawn(model, seed=1)[0])


def test_inputs_on_which_outputs_are_numbers():
    x = keras.Input((3,))
    root = keras.ops.sqrt(keras.ops.min(x, axis=-1))
    (array,) = drawn(keras.Model(x, root))
    assert np.isfinite(array).all()
    assert (array.min(axis=-1) >= 0).any()


def test_a_model_that_runs_on_nothing():
    x = keras.Input((None, None, 1))
    y = layers.Add()([layers.MaxPooling2D(2)(x), x])
    with pytest.raises(InputError, match="no seeded inputs were found"):
        drawn(keras.Model(x, y))


def pair():
    a, b = keras.Input((2,), name="a"), keras.Input((3,), name="b")
    return a, b, [layers.Dense(1, name="u")(a), layers.Dense(1, name="v")(b)]


def test_inputs_and_outputs_are_paired_by_name():
    a, b, (u, v) = pair()
    found = check(keras.Model([a, b], [u, v]), keras.Model([b, a], [v, u]))
    assert found.same
    assert [output.name for output in found.outputs] == ["u", "v"]
    assert list(found.inputs) == ["a", "b"]


def test_different_numbers_of_outputs():
    a, b, (u, v) = pair()
    with pytest.raises(InputError, match=r"has 2 outputs \(u, v\), .* has 1 \(v\)"):
        check(keras.Model([a, b], [u, v]), keras.Model([a, b], [v]))


def convolution(first):
    """The same convolution with channels first or last."""
    form = {"data_format": "channels_first" if first else "channels_last"}
    model = chain(keras.Input((2, 6, 5) if first else (6, 5, 2), name="x"), layers.Conv2D(3, 3, name="y", **form))
    random = np.random.default_rng(0)
    model.set_weights([random.normal(size=(3, 3, 2, 3)), random.normal(size=3)])
    return model


def test_channels_first_against_channels_last():
    found = check(convolution(False), convolution(True))
    assert found.same
    assert found.outputs[0].axes == (0, 2, 3, 1)
    assert "axes transposed by (0, 2, 3, 1)" in str(found)


def test_a_difference_beyond_tolerance():
    model, other = convolution(False), convolution(False)
    other.set_weights([weights + 1e-3 for weights in other.get_weights()])
    found = check(model, other)
    assert not found.same
    assert found.absolute > 1e-4
    assert check(model, other, atol=1).same


def test_outputs_that_prove_little():
    """A classifier that says nearly the same whatever it sees."""
    model = chain(keras.Input((3,)), layers.Dense(500, activation="softmax", name="classes"))
    kernel, bias = model.get_weights()
    model.set_weights([kernel * 1e-5, bias])
    found = check(model, model)
    assert found.same
    assert found.outputs[0].is_weak
    assert "; a weak proof, two samples differ by " in str(found)
    model.set_weights([kernel * 10, bias])
    assert not check(model, model).outputs[0].is_weak


def test_stateful_models_start_anew():
    def recurrent():
        return chain(keras.Input(batch_shape=(2, 4, 3)), layers.LSTM(5, stateful=True))

    model, other = recurrent(), recurrent()
    other.set_weights(model.get_weights())
    other.predict(np.ones((2, 4, 3), np.float32), verbose=0)
    assert check(model, other).same


def test_an_absent_runtime(monkeypatch, tmp_path):
    import sys

    from kcompat.converters import diff

    monkeypatch.setitem(sys.modules, "keras", None)
    path = tmp_path / "m.keras"
    convolution(False).save(path)
    with pytest.raises(MissingDependencyError, match="check with keras: needs keras"):
        diff(path, path, check_with=["keras"])
