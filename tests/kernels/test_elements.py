"""Elements and slices taken and put by index, and the order of elements."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_checks import check, random

from kcompat.errors import InputError
from kcompat.executor import Executor
from kcompat.ir import Builder, TensorType

REDUCTIONS = ["none", "add", "mul", "max", "min"]
INDICES = ["int32", "int64"]


def places(seed: int, low: int, high: int, *shape: int, dtype: str = "int64") -> np.ndarray:
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize(
    ("shape", "axis", "count"), [((5, 7), 1, 3), ((4, 6, 3), 1, 9), ((5, 70), 0, 2), ((2, 3, 4), -1, 4)]
)
def test_elements_along_an_axis(shape: tuple[int, ...], axis: int, count: int, index: str) -> None:
    sizes = list(shape)
    sizes[axis] = count
    at = places(1, 0, shape[axis], *sizes, dtype=index)
    for x in (random(0, *shape), places(2, -9, 9, *shape), places(3, 0, 2, *shape).astype(bool)):
        check(lambda b, x, i: b.gather_elements(x, i, axis=axis), x, at, lanes=16)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("index", INDICES)
@pytest.mark.parametrize(("shape", "axis", "count"), [((5, 7), 1, 9), ((4, 6, 3), 1, 9), ((5, 150), 0, 8)])
def test_elements_put(shape: tuple[int, ...], axis: int, count: int, index: str, reduction: str) -> None:
    sizes = list(shape)
    sizes[axis] = count
    at = places(1, -shape[axis], shape[axis], *sizes, dtype=index)
    updates = random(2, *sizes)
    updates.reshape(-1)[::5] = np.nan

    def build(b: Any, x: Any, i: Any, new: Any) -> Any:
        return b.scatter_elements(x, i, new, axis=axis, reduction=reduction)

    check(build, random(0, *shape), at, updates, lanes=16)


def test_whole_numbers_put() -> None:
    at = places(1, 0, 7, 5, 4)
    check(
        lambda b, x, i, new: b.scatter_elements(x, i, new, axis=1, reduction="none"),
        places(0, -9, 9, 5, 7), at, places(2, -9, 9, 5, 4), lanes=16,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("batch_dims", "rows", "depth"), [(0, (6,), 1), (0, (3, 2), 2), (1, (4, 5), 1), (1, (4, 5, 2), 2), (0, (9,), 3)]
)
def test_slices(batch_dims: int, rows: tuple[int, ...], depth: int) -> None:
    x = random(0, 4, 3, 5)
    at = np.stack([places(axis, -n, n, *rows) for axis, n in enumerate(x.shape[batch_dims : batch_dims + depth])], -1)
    check(lambda b, x, i: b.gather_nd(x, i, batch_dims=batch_dims), x, at, lanes=16)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("rows", "depth"), [((6,), 1), ((3, 2), 2), ((30,), 3)])
def test_slices_put(rows: tuple[int, ...], depth: int, reduction: str) -> None:
    x = random(0, 4, 3, 5)
    at = np.stack([places(axis, -n, n, *rows) for axis, n in enumerate(x.shape[:depth])], -1)
    updates = random(1, *rows, *x.shape[depth:])
    check(lambda b, x, i, new: b.scatter_nd(x, i, new, reduction=reduction), x, at, updates, lanes=16)


def test_indices_outside_are_refused() -> None:
    b = Builder()
    x, at = b.input(TensorType("float32", (2, 3))), b.input(TensorType("int64", (2, 3)))
    rows = b.input(TensorType("int64", (1, 2)))
    graph = b.build([
        b.gather_elements(x, at, axis=1), b.scatter_elements(x, at, x, axis=1, reduction="add"),
        b.gather_nd(x, rows, batch_dims=0), b.scatter_nd(x, rows, b.gather_nd(x, rows, batch_dims=0), reduction="none"),
    ])  # fmt: skip
    good = [random(0, 2, 3), np.zeros((2, 3), np.int64), np.zeros((1, 2), np.int64)]
    executor = Executor(graph)
    executor(good)
    for operand in (1, 2):
        wrong = [array.copy() for array in good]
        wrong[operand][0, 1] = 3
        with pytest.raises(InputError):
            executor(wrong)


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("length", [1, 5, 16, 40, 97, 1000])
def test_order(length: int, descending: bool) -> None:
    x = places(0, -length // 3 - 1, length // 3 + 1, 5, length).astype(np.float32)
    x[1, ::3] = np.nan
    x[2, ::4] = np.inf
    x[2, 1::4] = -np.inf
    x[3] = 0.0
    x[3, ::2] = -0.0
    check(lambda b, x: b.argsort(x, axis=-1, descending=descending), x, lanes=16)
