"""Regularizers against keras.regularizers 3.15.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat import regularizers
from kcompat.errors import ArgumentError, ShapeError
from kcompat.regularizers import L1, L1L2, L2, OrthogonalRegularizer

W = np.array([[0.5, -1.5, 2.0], [-0.25, 0.75, 1.0], [3.0, 0.0, -0.5], [1.0, 2.0, -2.5]], np.float32)

PENALTIES: list[tuple[Any, float, dict[str, Any]]] = [
    (L1(0.1), 1.5, {"l1": 0.1}),
    (L2(0.2), 5.725, {"l2": 0.2}),
    (L1L2(0.1, 0.2), 7.225, {"l1": 0.1, "l2": 0.2}),
    (L1L2(), 0.0, {"l1": 0.0, "l2": 0.0}),
    (L1(), 0.15, {"l1": 0.01}),
    (L2(), 0.28625, {"l2": 0.01}),
    (L1(None), 0.15, {"l1": 0.01}),
    (OrthogonalRegularizer(0.3, "rows"), 0.1101849, {"factor": 0.3, "mode": "rows"}),
    (OrthogonalRegularizer(0.3, "columns"), 0.1244298, {"factor": 0.3, "mode": "columns"}),
]


@pytest.mark.parametrize(("regularizer", "penalty", "config"), PENALTIES)
def test_penalty_and_config(regularizer: Any, penalty: float, config: dict[str, Any]) -> None:
    assert regularizer(W) == pytest.approx(penalty, rel=1e-5)
    assert list(regularizer.get_config().items()) == list(config.items())
    again = regularizers.deserialize(regularizers.serialize(regularizer))
    assert type(again) is type(regularizer)
    assert again.get_config() == config


@pytest.mark.parametrize(
    ("alias", "kind"),
    [("l1", L1), ("l2", L2), ("l1l2", L1L2), ("L1L2", L1L2), ("orthogonal_regularizer", OrthogonalRegularizer)],
)
def test_aliases(alias: str, kind: type) -> None:
    assert type(regularizers.get(alias)) is kind


def test_names_of_the_namespace() -> None:
    assert (regularizers.l1, regularizers.l2, regularizers.l1_l2) == (L1, L2, L1L2)
    assert regularizers.orthogonal_regularizer is OrthogonalRegularizer
    assert regularizers.get(None) is None


def test_keras2_name_of_the_factor() -> None:
    assert L2(l=0.3).l2 == 0.3


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf"), "a"])
@pytest.mark.parametrize("kind", [L1, L2, L1L2, OrthogonalRegularizer])
def test_wrong_factors_are_refused(kind: type, wrong: Any) -> None:
    with pytest.raises(ArgumentError, match=f"{kind.__name__}: argument .*received {wrong!r}"):
        kind(wrong)


def test_orthogonality_needs_a_matrix() -> None:
    with pytest.raises(ShapeError, match=r"received shape \(2, 3, 4\)"):
        OrthogonalRegularizer()(np.zeros((2, 3, 4), np.float32))


def test_unknown_name_is_refused() -> None:
    with pytest.raises(ArgumentError, match="has no 'l3'; known: L1"):
        regularizers.get("l3")
