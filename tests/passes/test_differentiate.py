"""What differentiate adds to a graph, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest

import kcompat.operators  # noqa: F401 - enters the cards
from kcompat.errors import DtypeError, GradientError, ShapeError
from kcompat.ir import Builder, TensorType, Value, Variable, verify
from kcompat.passes.differentiate import differentiate
from kcompat.reference import evaluate

VECTOR = TensorType("float32", ("batch", 3))


def names(b: Builder) -> list[str]:
    return [node.op.name for node in b.nodes]


def run(b: Builder, values: list[Value], *arrays: np.ndarray) -> list[np.ndarray]:
    return evaluate(verify(b.build(values)), arrays)


def test_a_value_used_twice_adds_both_gradients() -> None:
    b = Builder()
    x = b.input(VECTOR)
    loss = b.reduce_sum(b.mul(x, b.exp(x)), axes=(0, 1))
    (gradient,) = differentiate(b, loss, [x])
    array = np.array([[0.5, -1, 2]], np.float32)
    np.testing.assert_allclose(run(b, [gradient], array)[0], (1 + array) * np.exp(array), rtol=1e-6)


def test_gradients_by_weights_intermediates_and_the_loss_itself() -> None:
    b = Builder()
    x, w = b.input(VECTOR), Variable("w", (3,), initializer=lambda shape, dtype: np.full(shape, 2, dtype))
    product = b.mul(x, w)
    loss = b.reduce_sum(b.square(product), axes=(0, 1))
    made = differentiate(b, loss, [b.parameter(w), product, loss])
    array = np.array([[1, 2, 3], [0, 1, 0]], np.float32)
    by_w, by_product, by_loss = run(b, made, array)
    np.testing.assert_allclose(by_w, 4 * (array**2).sum(axis=0))
    np.testing.assert_allclose(by_product, 4 * array)
    assert by_loss == 1


def test_what_loss_does_not_depend_on_has_none() -> None:
    b = Builder()
    x, y, indices = b.input(VECTOR), b.input(VECTOR), b.input(TensorType("int32", ("batch",)))
    loss = b.add(x, b.one_hot(b.argmax(y, axis=1), depth=3))
    b.mul(x, y)
    count = len(b.nodes)
    made = differentiate(b, loss, [x, y, indices])
    assert made[0] is not None
    assert made[1:] == [None, None]
    assert names(b)[count:] == ["broadcast_like"]


def test_only_the_way_to_what_is_asked_for_is_differentiated() -> None:
    b = Builder()
    x, w, v = b.input(VECTOR), Variable("w", (3, 4)), Variable("v", (4, 2))
    loss = b.dense(b.relu(b.dense(x, w)), v)
    count = len(b.nodes)
    differentiate(b, loss, [b.parameter(v)])
    assert names(b)[count:] == ["broadcast_like", "matmul"]


def test_a_seed() -> None:
    b = Builder()
    x, seed = b.input(VECTOR), b.input(VECTOR)
    (gradient,) = differentiate(b, b.exp(x), [x], seed)
    array, factor = np.ones((2, 3), np.float32), np.full((2, 3), 2, np.float32)
    np.testing.assert_allclose(run(b, [gradient], array, factor)[0], 2 * np.exp(array), rtol=1e-6)


@pytest.mark.parametrize(
    ("type", "error"),
    [(TensorType("float64", ("batch", 3)), DtypeError), (TensorType("float32", ("batch", 4)), ShapeError)],
)
def test_a_seed_of_another_type_is_refused(type: TensorType, error: type[Exception]) -> None:
    b = Builder()
    x = b.input(VECTOR)
    with pytest.raises(error, match="the seed of"):
        differentiate(b, b.exp(x), [x], b.input(type))


def test_nodes_say_of_what_they_are_the_gradient() -> None:
    b = Builder()
    x = b.input(VECTOR)
    with b.origin("layer 'act' (Activation)"):
        y = b.exp(x)
    differentiate(b, y, [x])
    assert b.nodes[-1].origin == "gradient of layer 'act' (Activation)"


def test_an_operator_without_gradient_is_refused_with_its_origin() -> None:
    b = Builder()
    x = b.input(VECTOR)
    with b.origin("layer 'count' (Counting)"):
        y = b.bin_count(b.argsort(x), x, depth=3)
    with pytest.raises(GradientError, match=r"layer 'count' \(Counting\): operator 'bin_count' .* 'weights'"):
        differentiate(b, y, [x])


def test_second_derivatives() -> None:
    b = Builder()
    x = b.input(VECTOR)
    (first,) = differentiate(b, b.exp(b.mul(x, 2.0)), [x])
    assert first is not None
    (second,) = differentiate(b, first, [x])
    array = np.array([[0.5, -1, 0]], np.float32)
    np.testing.assert_allclose(run(b, [second], array)[0], 4 * np.exp(2 * array), rtol=1e-6)


def test_a_frozen_beginning_costs_nothing() -> None:
    """Neither the weights before nor the values between are differentiated."""
    b = Builder()
    x = b.input(TensorType("float32", ("batch", 8, 8, 3)))
    ones = {"strides": (1, 1), "dilations": (1, 1)}
    features = b.relu(b.conv(x, Variable("a", (3, 3, 3, 4)), **ones))
    kernel = Variable("b", (3, 3, 4, 2))
    loss = b.reduce_sum(b.conv(features, kernel, **ones), axes=(0, 1, 2, 3))
    count = len(b.nodes)
    differentiate(b, loss, [b.parameter(kernel)])
    assert names(b)[count:] == ["broadcast_like", "conv_kernel_gradient"]
