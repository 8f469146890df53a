"""Gradients at kinks and ties, and where they go another way than values: as TensorFlow's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kcompat.operators  # noqa: F401 - enters the cards
from kcompat.errors import GradientError
from kcompat.ir import OPERATORS, Builder, verify
from kcompat.ir.types import is_float, type_of
from kcompat.passes.differentiate import differentiate
from kcompat.reference import evaluate


def gradients(op: str, *operands: Any, output: int = 0, **attrs: Any) -> list[np.ndarray | None]:
    """Of the sum of an output by each operand."""
    arrays = [np.asarray(x) for x in operands]
    b = Builder()
    inputs = [b.input(type_of(array)) for array in arrays]
    made = b.apply(OPERATORS[op], *inputs, **attrs)
    made = made if isinstance(made, tuple) else (made,)
    found = differentiate(b, made[output], inputs)
    results = iter(evaluate(verify(b.build([g for g in found if g is not None])), arrays))
    return [None if g is None else next(results) for g in found]


KINKS = [
    ("relu", [0.0, -0.0, 1.0], {}, [0, 0, 1]),
    ("relu", [0.0, 3.0, 4.0], {"max_value": 3.0}, [0, 1, 0]),
    ("relu", [0.0, 6.0, 7.0], {"max_value": 6.0}, [0, 0, 0]),
    ("relu", [0.0, 1.0], {"negative_slope": 0.5}, [0.5, 1]),
    ("relu", [0.5, 0.4, 0.6], {"negative_slope": 0.5, "threshold": 0.5}, [0, 0.5, 1]),
    ("abs", [0.0, -2.0], {}, [0, -1]),
    ("clip", [-1.0, 1.0, 2.0], {"low": -1.0, "high": 1.0}, [1, 1, 0]),
    ("elu", [0.0], {}, [1]),
    ("elu", [0.0], {"alpha": 0.5}, [0.5]),
    ("selu", [0.0], {}, [1.0507009873554805]),
    ("softsign", [0.0], {}, [1]),
    ("hard_sigmoid", [-3.0, 0.0, 3.0], {}, [0, 1 / 6, 0]),
    ("reduce_max", [1.0, 3.0, 3.0], {"axes": (0,)}, [0, 0.5, 0.5]),
    ("reduce_min", [3.0, 1.0, 1.0], {"axes": (0,)}, [0, 0.5, 0.5]),
    ("reduce_prod", [0.0, 2.0, 3.0], {"axes": (0,)}, [6, 0, 0]),
    ("cumprod", [2.0, 0.0, 3.0], {"axis": 0}, [1, 0, 0]),
    ("floor", [1.5], {}, None),
    ("sign", [1.5], {}, None),
    ("stop_gradient", [1.5], {}, None),
]


@pytest.mark.parametrize(("op", "x", "attrs", "expected"), KINKS)
def test_kinks(op: str, x: list[float], attrs: dict[str, Any], expected: list[float] | None) -> None:
    (made,) = gradients(op, np.array(x), **attrs)
    if expected is None:
        assert made is None
    else:
        np.testing.assert_allclose(made, expected, rtol=1e-12)


@pytest.mark.parametrize(("op", "first"), [("maximum", [1, 1, 0]), ("minimum", [0, 1, 1])])
def test_of_equal_operands_the_first_is_chosen(op: str, first: list[int]) -> None:
    by_x, by_y = gradients(op, np.array([2.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0]))
    np.testing.assert_array_equal(by_x, first)
    np.testing.assert_array_equal(by_y, 1 - np.array(first))


def test_the_exponent_of_numbers_without_logarithm() -> None:
    by_x, by_y = gradients("pow", np.array([-2.0, 0.0, 2.0]), np.array([2.0, 2.0, 2.0]))
    np.testing.assert_allclose(by_x, [-4, 0, 4])
    np.testing.assert_allclose(by_y, [0, 0, 4 * np.log(2)])


def test_max_pooling_chooses_the_first_in_one_and_two_dimensions_and_all_in_three() -> None:
    for rank in (1, 2, 3):
        options = {"window": (2,) * rank, "strides": (1,) * rank}
        (made,) = gradients("max_pool", np.ones((1, *[2] * rank, 1)), **options)
        expected = np.zeros(2**rank)
        expected[: 1 if rank < 3 else None] = 1
        np.testing.assert_array_equal(made.ravel(), expected)


def test_straight_through() -> None:
    assert gradients("straight_through", np.array([1.0]), np.array([0.7])) == [None, np.array([1.0])]


@pytest.mark.parametrize(
    ("op", "operands", "attrs"),
    [
        ("bin_count", [np.array([0, 1]), np.array([1.0, 2.0])], {"depth": 2, "dtype": "float64"}),
        ("resample", [np.ones(2), np.array([[0, 1]]), np.array([[0.5, 0.5]])], {"axis": 0}),
        ("scatter_nd", [np.ones(2), np.array([[0]]), np.array([0.5])], {"reduction": "mul"}),
    ],
)
def test_what_is_not_defined_is_refused(op: str, operands: list[Any], attrs: dict[str, Any]) -> None:
    with pytest.raises(GradientError, match=f"{op}: operator '{op}' has no gradient by its operand"):
        gradients(op, *operands, **attrs)


@pytest.mark.parametrize(
    ("op", "operands", "attrs"),
    [
        ("argmax", [np.ones(3)], {"axis": 0}),
        ("greater", [np.ones(3), np.zeros(3)], {}),
        ("size", [np.ones(3)], {"axis": 0}),
    ],
)
def test_integers_and_booleans_carry_no_gradients(op: str, operands: list[Any], attrs: dict[str, Any]) -> None:
    assert not is_float(OPERATORS[op].infer(*map(type_of, operands), **OPERATORS[op].check_attributes(attrs)).dtype)
    assert gradients(op, *operands, **attrs) == [None] * len(operands)


def test_of_two_outputs_one_may_be_unused() -> None:
    rng = np.random.default_rng(1)
    operands = [rng.normal(size=shape) for shape in ((2, 3, 4), (4, 8), (2, 8))]
    for output in range(3):
        assert [g.shape for g in gradients("lstm", *operands, output=output)] == [x.shape for x in operands]
    (made,) = gradients("top_k", np.array([1.0, 3.0, 2.0]), k=2)
    np.testing.assert_array_equal(made, [0, 1, 1])
