"""Variables as operands of Python's operators."""

import numpy as np
import pytest

import kcompat
from kcompat.ir import Variable


@pytest.fixture
def v():
    return Variable("v", (2,)).assign([1.0, 2.0])


def test_operators_give_arrays(v):
    w = Variable("w", (2,)).assign([4.0, 2.0])
    for result, expected in (
        (v + 1, [2, 3]),
        (1 - v, [0, -1]),
        (np.ones(2, "f") - v, [0, -1]),
        (np.float32(2) * v, [2, 4]),
        (w / v, [4, 1]),
        (v**2, [1, 4]),
        (-v, [-1, -2]),
        (abs(-1 * v), [1, 2]),
        (v % 2, [1, 0]),
        (w // v, [4, 1]),
    ):
        assert isinstance(result, np.ndarray)
        np.testing.assert_array_equal(result, expected)
    assert v @ w == 8
    assert (v < w).tolist() == [True, False]
    assert float(Variable("x", ()).assign(3.5)) == 3.5
    assert int(Variable("x", ()).assign(3.5)) == 3


def test_variables_are_keys(v):
    assert {v: 1}[v] == 1
    assert v != Variable("v", (2,)).assign([1.0, 2.0])


def test_operators_leave_symbolic_tensors_to_themselves(v):
    x = kcompat.Input((2,))
    assert (v * x).shape == (x - v).shape == (None, 2)
    with pytest.raises(TypeError):
        _ = v + "a"


def test_steps_in_place(v):
    v.assign_add([1.0, 1.0]).assign_sub(0.5)
    np.testing.assert_array_equal(v.value, [1.5, 2.5])
    assert np.sum(v) == 4
