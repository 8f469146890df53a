"""Constants whose elements are made when they are read."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from kcompat import Input, Sequential, layers
from kcompat.ir import Constant, Frozen, Scaled, Transposed, Variable
from kcompat.passes.pipelines import optimize


def test_scaled() -> None:
    source = Constant(np.array([[1, 2], [3, 4]], np.float32), "w")
    scaled = Scaled(source, Constant(np.array([10.0, 0.5])))
    assert (scaled.name, scaled.shape, scaled.dtype) == ("w", (2, 2), "float32")
    np.testing.assert_array_equal(scaled.data, [[10, 1], [30, 2]])
    assert scaled.data.dtype == np.float32


def test_what_is_made_is_kept_as_long_as_someone_holds_it() -> None:
    scaled = Scaled(Constant(np.ones(3, np.float32)), Constant(np.float64(2)))
    held = scaled.data
    assert scaled.data is held
    with pytest.raises(ValueError, match="read-only"):
        held[:] = 7


def test_transposed_is_held_as_its_source_is() -> None:
    variable = Variable("w", (2, 3, 4)).assign(np.arange(24.0).reshape(2, 3, 4))
    before = variable.numpy()
    turned = Transposed(Frozen(variable), [2, 0, 1])
    assert turned.shape == (4, 2, 3)
    np.testing.assert_array_equal(turned.data, before.transpose(2, 0, 1))
    packed = turned.data.copy()
    turned.held_as(lambda: packed)
    np.testing.assert_array_equal(variable.value, before)


def test_a_value_that_came_later_is_not_replaced() -> None:
    variable = Variable("w", (2,)).assign([1.0, 2.0])
    frozen = Frozen(variable)
    variable.assign([3.0, 4.0])
    frozen.held_as(lambda: np.zeros(2, np.float32))
    np.testing.assert_array_equal(variable.value, [3.0, 4.0])


def test_memory_that_is_written_in_place_stays() -> None:
    variable = Variable("w", (2,)).assign([1.0, 2.0])
    memory = variable.memory()
    Frozen(variable).held_as(lambda: np.zeros(2, np.float32))
    memory[:] = 5
    np.testing.assert_array_equal(variable.value, [5.0, 5.0])


def test_memory_of_a_value_in_another_form() -> None:
    variable = Variable("w", (2,)).assign([1.0, 2.0])
    Frozen(variable).held_as(lambda: np.array([1.0, 2.0], np.float32))
    variable.memory()[:] = 8
    np.testing.assert_array_equal(variable.value, [8.0, 8.0])


def test_a_folded_normalisation_keeps_no_second_copy_of_the_weights() -> None:
    model = Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()])
    graph = optimize(model.graph())
    (kernel,) = (constant for constant in graph.constants() if constant.shape == (3, 3, 3, 4))
    assert isinstance(kernel, Scaled)


def test_a_value_in_another_form_is_pickled_as_an_array() -> None:
    variable = Variable("w", (2,)).assign([1.0, 2.0])
    Frozen(variable).held_as(lambda: np.array([1.0, 2.0], np.float32))
    copy = pickle.loads(pickle.dumps(variable))
    copy.memory()[:] = 3
    np.testing.assert_array_equal(variable.value, [1.0, 2.0])
    np.testing.assert_array_equal(copy.value, [3.0, 3.0])
