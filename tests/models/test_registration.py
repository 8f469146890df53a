"""Classes of the caller that files may name."""

import threading

import numpy as np
import pytest

from kcompat import Input, Layer, Sequential, models, saving, utils
from kcompat.config import Field, Float
from kcompat.errors import ArgumentError, UnknownLayerError
from kcompat.initializers import Initializer


class Scale(Layer):
    factor = Field(Float, 2.0)

    def emit(self, b, x):
        return b.mul(x, self.factor)


class Sevens(Initializer):
    def __call__(self, shape, dtype=None):
        return np.full(shape, 7, dtype)


@pytest.fixture(autouse=True)
def _nothing_registered():
    before = dict(saving.get_custom_objects())
    yield
    saving.get_custom_objects().clear()
    saving.get_custom_objects().update(before)


@pytest.fixture
def text():
    return Sequential([Input((2,)), Scale(3.0, name="scale")]).to_json()


def check(model):
    assert type(model.layers[0]) is Scale
    np.testing.assert_array_equal(model(np.ones((1, 2))), [[3, 3]])


def test_unknown_until_it_is_supplied(text):
    with pytest.raises(UnknownLayerError, match=r"layer 'scale' \(Scale\).*custom_objects"):
        models.model_from_json(text)
    check(models.model_from_json(text, custom_objects={"Scale": Scale}))
    with pytest.raises(UnknownLayerError):
        models.model_from_json(text)


def test_scopes_nest_and_end(text):
    with utils.custom_object_scope({"Scale": Scale}):
        with utils.CustomObjectScope({"Scale": None, "Other": Layer}):
            assert saving.get_registered_object("Other") is Layer
        assert saving.get_registered_object("Other") is None
        check(models.model_from_json(text))
    with pytest.raises(UnknownLayerError):
        models.model_from_json(text)


def test_scopes_belong_to_their_thread(text):
    seen = []
    with utils.custom_object_scope({"Scale": Scale}):
        thread = threading.Thread(target=lambda: seen.append(saving.get_registered_object("Scale")))
        thread.start()
        thread.join()
    assert seen == [None]


def test_registered_for_good():
    utils.register_keras_serializable("my_package", "Scaled")(Scale)
    assert saving.get_registered_name(Scale) == "my_package>Scaled"
    assert saving.get_registered_object("my_package>Scaled") is Scale
    text = Sequential([Input((2,)), Scale(3.0)]).to_json()
    assert '"registered_name": "my_package>Scaled"' in text
    check(models.model_from_json(text))


def test_the_live_table(text):
    saving.get_custom_objects()["Scale"] = Scale
    check(models.model_from_json(text))


def test_inside_configs(text):
    from kcompat.layers import Dense

    config = Dense(1, kernel_initializer=Sevens()).get_config()
    with saving.custom_object_scope({"Sevens": Sevens}):
        layer = Dense.from_config(config)
    layer.build_once((None, 2))
    np.testing.assert_array_equal(layer.get_weights()[0], [[7], [7]])


def test_tables_of_the_call():
    assert saving.get_registered_object("A", {"A": 1}, {"A": 2}) == 1
    assert saving.get_registered_object("A", {}, {"A": 2}) == 2
    with saving.custom_object_scope({"A": 0.5}):
        assert saving.get_registered_object("A", {"A": 1}) == 0.5


def test_a_class_without_a_config_is_refused():
    with pytest.raises(ArgumentError, match="Bare cannot be registered: it has no get_config"):
        saving.register_keras_serializable()(type("Bare", (), {}))
