"""clone_model."""

import numpy as np
import pytest

from kcompat import Input, Model, Sequential, layers, models
from kcompat.errors import ArgumentError


def sequential():
    return Sequential([Input((4,), name="x"), layers.Dense(3, name="a"), layers.Dense(2, name="b")], name="chain")


def functional():
    x, y = Input((4,), name="x"), Input((4,), name="y")
    twin = layers.Dense(3, name="twin")
    inner = Sequential([Input((3,), name="inner_x"), layers.Dense(2, name="inner_dense")], name="inner")
    return Model({"x": x, "y": y}, {"sum": layers.Add(name="sum")([inner(twin(x)), inner(twin(y))])}, name="graph")


DATA = {"x": np.ones((2, 4)), "y": np.full((2, 4), 2.0)}


@pytest.mark.parametrize("build", [sequential, functional])
def test_the_same_architecture_with_weights_of_its_own(build):
    model = build()
    model.layers[-1].trainable = False
    clone = models.clone_model(model)
    assert clone.to_json() == model.to_json()
    assert not {id(w) for w in clone.weights} & {id(w) for w in model.weights}
    data = DATA if build is functional else DATA["x"]
    before, cloned = model(data), clone(data)
    clone.set_weights(model.get_weights())
    after = clone(data)
    if build is functional:
        before, cloned, after = before["sum"], cloned["sum"], after["sum"]
    assert not np.allclose(before, cloned)
    np.testing.assert_array_equal(before, after)


def test_shared_layers_stay_shared():
    clone = models.clone_model(functional())
    assert len(clone.get_layer("twin").calls) == 2
    assert len(clone.weights) == 4


def test_an_unbuilt_model():
    model = Sequential([layers.Dense(3, name="a")], name="unbuilt")
    clone = models.clone_model(model)
    assert not clone.built
    assert clone.layers[0].name == "a"


def test_training_settings_come_along():
    model = sequential()
    model.compile("adam", "mse")
    clone = models.clone_model(model)
    assert clone.training_state.config == model.training_state.config
    assert clone.training_state is not model.training_state


def test_clone_function_may_give_other_layers():
    def wider(layer):
        return layers.Dense(5, name=layer.name) if layer.name == "a" else layer.from_config(layer.get_config())

    clone = models.clone_model(sequential(), clone_function=wider)
    assert [layer.get_weights()[0].shape for layer in clone.layers] == [(4, 5), (5, 2)]


def test_clone_function_sees_nested_models_or_their_layers():
    seen = []

    def clone(layer):
        seen.append(layer.name)
        return layer if isinstance(layer, Model) else type(layer).from_config(layer.get_config())

    model = functional()
    shallow = models.clone_model(model, clone_function=clone)
    assert seen == ["twin", "inner", "sum"]
    assert shallow.get_layer("inner") is model.get_layer("inner")
    seen.clear()
    models.clone_model(model, clone_function=clone, recursive=True)
    assert seen == ["twin", "inner_dense", "sum"]


def test_call_function_may_add_layers():
    def twice(layer, *args, **kwargs):
        outputs = layer(*args, **kwargs)
        return layers.Activation("relu")(outputs) if isinstance(layer, layers.Dense) else outputs

    clone = models.clone_model(functional(), call_function=twice)
    assert [type(layer).__name__ for layer in clone.layers].count("Activation") == 2
    with pytest.raises(ArgumentError, match="call_function is for functional models"):
        models.clone_model(sequential(), call_function=twice)


@pytest.mark.parametrize("build", [sequential, functional])
def test_input_tensors(build):
    tensors = [Input((4,), name=f"new_{index}") for index in range(len(build().inputs))]
    clone = models.clone_model(build(), input_tensors=tensors)
    assert clone.input_names == [tensor.name for tensor in tensors]
    with pytest.raises(ArgumentError, match="clone_model"):
        models.clone_model(build(), input_tensors=[*tensors, *tensors])


def test_only_models_are_cloned():
    with pytest.raises(ArgumentError, match="takes a Sequential or functional model, received Dense"):
        models.clone_model(layers.Dense(2))
