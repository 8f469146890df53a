"""Products of weights: which are done together, and in what tiles."""

from __future__ import annotations

import pytest
from kernel_checks import LANES, check, random

from kcompat.ir import Value
from kcompat.layers.emitter import Emitter
from kcompat.plan.lowering.tiles import choose_tile

WEIGHTS = [random(seed, 160, 160, scale=0.1) for seed in (1, 2, 3)]
BIAS = random(4, 160)


@pytest.mark.parametrize("rows", [1, 2, 45])
@pytest.mark.parametrize("lanes", LANES)
def test_products_of_one_value_are_one_step(rows: int, lanes: int) -> None:
    def build(b: Emitter, x: Value) -> list[Value]:
        first, second, third = (b.dense(x, w, BIAS) for w in WEIGHTS)
        return [first, b.mul(b.exp(second), third)]

    assert f"dense 3x{rows}x160x160" in check(build, random(0, rows, 160), lanes=lanes)


def test_products_that_differ_are_steps_of_their_own() -> None:
    def build(b: Emitter, x: Value) -> list[Value]:
        narrow = b.dense(x, WEIGHTS[2][:, :40])
        return [b.dense(x, WEIGHTS[0], BIAS), b.dense(x, WEIGHTS[1]), b.dense(narrow, WEIGHTS[1][:40])]

    assert check(build, random(0, 20, 160), lanes=16).count("dense 20x") == 4


@pytest.mark.parametrize("columns", [1, 16, 40, 80, 100, 176, 190])
@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize("lanes", LANES)
def test_any_number_of_columns(rows: int, columns: int, lanes: int) -> None:
    w, bias = random(1, 50, columns, scale=0.2), random(2, columns)
    check(lambda b, x: b.relu(b.dense(x, w, bias)), random(0, rows, 50), lanes=lanes)


def test_rows_that_share_a_set_of_the_cache_are_few() -> None:
    assert [choose_tile(140, 16, stride=stride).rows for stride in (0, 1040, 512, 1024, 2048)] == [14, 14, 14, 8, 8]
    w = random(1, 1024, 48, scale=0.05)
    assert "product 8x" in check(lambda b, x: b.dense(x, w), random(0, 140, 1024), lanes=16)


@pytest.mark.parametrize("rows", [2, 3, 4, 5, 7, 9, 13, 22])
@pytest.mark.parametrize("lanes", LANES)
def test_few_rows(rows: int, lanes: int) -> None:
    w, bias = random(1, 131, 72, scale=0.2), random(2, 72)
    plan = check(lambda b, x: b.relu(b.add(b.dense(x, w, bias), 0.1)), random(0, rows, 131), lanes=lanes)
    assert ("gemv" in plan) == (rows <= 5)


def test_tiles_of_few_rows_compute_none_in_vain() -> None:
    assert [choose_tile(rows, 16).rows for rows in (5, 11, 14, 15, 22, 27)] == [5, 11, 14, 8, 11, 14]
    assert [choose_tile(rows, 8).rows for rows in (5, 6, 9)] == [5, 6, 5]
    assert [choose_tile(rows, 16, stride=1024).rows for rows in (7, 9, 12)] == [7, 5, 6]
