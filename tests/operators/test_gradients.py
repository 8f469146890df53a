"""The gradient of every card against differences of its meaning, in float64, and which cards have one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gradient_cases import GradientCase, all_gradient_cases

import kcompat.operators  # noqa: F401 - enters the cards
from kcompat.ir import OPERATORS, Builder, Graph, Operator, TensorType, Value, not_differentiable, verify
from kcompat.ir.types import type_of
from kcompat.operators.gradients import constant
from kcompat.passes.differentiate import differentiate
from kcompat.reference import evaluate

CASES = all_gradient_cases()
STEP = 1e-5


class Subject:
    """The graph of one card, and of the gradients of sum(seed * output) over its floating outputs."""

    def __init__(self, case: GradientCase, open_sizes: bool) -> None:
        self.case = case
        self.op = OPERATORS[case.op]
        self.arrays = [np.asarray(x) for x in case.operands if x is not None]
        self.builder = Builder()
        given = [None if x is None else self.input(np.asarray(x), open_sizes) for x in case.operands]
        made = self.builder.apply(self.op, *given, **case.attrs)
        self.outputs = [made] if isinstance(made, Value) else list(made)
        places = [place for place, x in enumerate(given) if x is not None]
        self.wrt = [
            (place, given[operand])
            for place, operand in enumerate(places)
            if self.arrays[place].dtype == np.float64 and operand not in case.fixed
        ]

    def input(self, array: np.ndarray, open_sizes: bool) -> Value:
        type = type_of(array)
        is_open = open_sizes and type.dtype == "float64"
        return self.builder.input(TensorType(type.dtype, (None,) * type.rank) if is_open else type)

    def forward(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        made = self.op.meaning(*self.operands(arrays), **self.op.check_attributes(self.case.attrs))
        return [np.asarray(array) for array in (made if isinstance(made, tuple) else (made,))]

    def operands(self, arrays: list[np.ndarray]) -> list[Any]:
        left = iter(arrays)
        found = [None if x is None else next(left) for x in self.case.operands]
        variadic = bool(self.op.operands) and self.op.operands[-1].variadic
        return found if variadic else found + [None] * (len(self.op.operands) - len(found))

    def seeds(self) -> dict[int, np.ndarray]:
        rng = np.random.default_rng(5)
        outputs = self.forward(self.arrays)
        return {place: rng.normal(size=y.shape) for place, y in enumerate(outputs) if y.dtype.kind == "f"}

    def graph(self, seeds: dict[int, np.ndarray]) -> Graph:
        b = self.builder
        total = None
        for place, seed in seeds.items():
            product = b.reduce_sum(b.mul(self.outputs[place], seed), axes=range(seed.ndim))
            total = product if total is None else b.add(total, product)
        gradients = differentiate(b, total, [value for _, value in self.wrt])
        zero = [b.broadcast_like(b.constant(0.0), value) for _, value in self.wrt]
        return verify(b.build([z if g is None else g for g, z in zip(gradients, zero, strict=True)]))


def numerical(subject: Subject, place: int, seeds: dict[int, np.ndarray]) -> np.ndarray:
    """Central differences of sum(seed * output) by one operand."""

    def loss(array: np.ndarray) -> float:
        arrays = [*subject.arrays[:place], array, *subject.arrays[place + 1 :]]
        outputs = subject.forward(arrays)
        return sum(float(np.sum(outputs[index] * seed)) for index, seed in seeds.items())

    x = subject.arrays[place]
    result = np.zeros(x.shape)
    for index in np.ndindex(*x.shape):
        moved = [x.copy(), x.copy()]
        moved[0][index] += STEP
        moved[1][index] -= STEP
        result[index] = (loss(moved[0]) - loss(moved[1])) / (2 * STEP)
    return result


def check(case: GradientCase, open_sizes: bool) -> None:
    subject = Subject(case, open_sizes)
    seeds = subject.seeds()
    made = evaluate(subject.graph(seeds), subject.arrays)
    assert len(made) == len(subject.wrt) > 0
    for (place, _), gradient in zip(subject.wrt, made, strict=True):
        assert gradient.shape == subject.arrays[place].shape
        np.testing.assert_allclose(gradient, numerical(subject, place, seeds), rtol=2e-6, atol=2e-8)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradient(case: GradientCase) -> None:
    check(case, open_sizes=False)


KNOWN_SIZES = {
    "dense",
    "einsum",
    "conv",
    "conv_transpose",
    "conv_kernel_gradient",
    "conv_input_gradient",
    "glu",
    "attention",
    "lstm",
    "gru",
    "simple_rnn",
    "conv_lstm",
    "sparse_softmax_cross_entropy",
    "stft",
    "resample",
    "resample_gradient",
}
"""Operators of whose weights, channels or classes the sizes are known."""


@pytest.mark.parametrize("case", [case for case in CASES if case.op not in KNOWN_SIZES], ids=str)
def test_gradient_with_open_sizes(case: GradientCase) -> None:
    check(case, open_sizes=True)


ELSEWHERE = {"straight_through"}
"""Whose gradient is none of their meaning: test_gradient_conventions.py."""


def declared(op: Operator) -> bool:
    return op.gradient in (not_differentiable, constant)


@pytest.mark.parametrize("op", OPERATORS.values(), ids=list(OPERATORS))
def test_every_card_states_its_gradient(op: Operator) -> None:
    """Or is declared to have none; and every gradient is checked here."""
    assert op.gradient is not None
    assert declared(op) or op.name in {case.op for case in CASES} | ELSEWHERE
