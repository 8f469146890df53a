"""Constraints against keras.constraints 3.15.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat import constraints
from kcompat.constraints import MaxNorm, MinMaxNorm, NonNeg, UnitNorm
from kcompat.errors import ArgumentError

W = np.array([[0.5, -1.5, 2.0], [-0.25, 0.75, 1.0], [3.0, 0.0, -0.5], [1.0, 2.0, -2.5]], np.float32)

PROJECTIONS: list[tuple[Any, list[list[float]], dict[str, Any]]] = [
    (
        MaxNorm(1.5),
        [
            [0.2335497, -0.8620436, 0.8846517],
            [-0.1167748, 0.4310218, 0.4423259],
            [1.401298, 0.0, -0.2211629],
            [0.4670993, 1.1493915, -1.1058147],
        ],
        {"max_value": 1.5, "axis": 0},
    ),
    (
        MaxNorm(2.0, axis=[0, 1]),
        [
            [0.1869077, -0.5607232, 0.7476309],
            [-0.0934539, 0.2803616, 0.3738154],
            [1.1214464, 0.0, -0.1869077],
            [0.3738154, 0.7476309, -0.9345386],
        ],
        {"max_value": 2.0, "axis": (0, 1)},
    ),
    (NonNeg(), [[0.5, 0.0, 2.0], [0.0, 0.75, 1.0], [3.0, 0.0, 0.0], [1.0, 2.0, 0.0]], {}),
    (
        UnitNorm(axis=1),
        [
            [0.1961161, -0.5883484, 0.7844645],
            [-0.1961161, 0.5883483, 0.7844645],
            [0.9863939, 0.0, -0.164399],
            [0.2981424, 0.5962848, -0.745356],
        ],
        {"axis": 1},
    ),
    (
        MinMaxNorm(0.5, 2.0, 0.7),
        [
            [0.3679797, -1.2545741, 1.425675],
            [-0.1839898, 0.627287, 0.7128375],
            [2.2078781, 0.0, -0.3564188],
            [0.7359594, 1.6727654, -1.7820938],
        ],
        {"min_value": 0.5, "max_value": 2.0, "rate": 0.7, "axis": 0},
    ),
    (
        MinMaxNorm(2.0, 3.0, axis=1),
        [
            [0.5, -1.5, 2.0],
            [-0.3922322, 1.1766968, 1.568929],
            [2.9591815, 0.0, -0.4931969],
            [0.8944272, 1.7888544, -2.236068],
        ],
        {"min_value": 2.0, "max_value": 3.0, "rate": 1.0, "axis": 1},
    ),
]


@pytest.mark.parametrize(("constraint", "expected", "config"), PROJECTIONS)
def test_projection_and_config(constraint: Any, expected: list[list[float]], config: dict[str, Any]) -> None:
    np.testing.assert_allclose(constraint(W), expected, rtol=1e-4, atol=1e-5)
    assert list(constraint.get_config().items()) == list(config.items())
    again = constraints.deserialize(constraints.serialize(constraint))
    np.testing.assert_array_equal(again(W), constraint(W))


@pytest.mark.parametrize(
    ("alias", "kind"),
    [("max_norm", MaxNorm), ("non_neg", NonNeg), ("unit_norm", UnitNorm), ("min_max_norm", MinMaxNorm)],
)
def test_aliases(alias: str, kind: type) -> None:
    assert getattr(constraints, alias) is kind
    assert type(constraints.get(alias)) is kind


def test_zero_vectors_stay() -> None:
    zeros = np.zeros((2, 2), np.float32)
    for constraint in (MaxNorm(), UnitNorm(), MinMaxNorm(), NonNeg()):
        np.testing.assert_array_equal(constraint(zeros), zeros)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"MaxNorm: argument 'axis' .*received 'x'"):
        MaxNorm(axis="x")
    with pytest.raises(ArgumentError, match="has no 'max'; known: MaxNorm"):
        constraints.get("max")
