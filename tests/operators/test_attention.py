"""The card attention against its definition, query by query, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat.errors import DtypeError, ShapeError
from kcompat.ir import TensorType
from kcompat.operators.attention import attention, causal_mask

RNG = np.random.default_rng(8)
BATCH, QUERIES, KEYS, HEADS, GROUPS, SIZE, VALUE = 2, 4, 5, 4, 2, 3, 6
QUERY = RNG.standard_normal((BATCH, QUERIES, HEADS, SIZE))
KEY = RNG.standard_normal((BATCH, KEYS, GROUPS, SIZE))
VALUES = RNG.standard_normal((BATCH, KEYS, GROUPS, VALUE))
MASK = RNG.random((BATCH, 1, QUERIES, KEYS)) < 0.5
MASK[1, 0, 2] = False


def run(mask: np.ndarray | None = None, **attrs: Any) -> Any:
    return attention.meaning(QUERY, KEY, VALUES, mask, **attention.check_attributes({"scale": 0.5, **attrs}))


def one(batch: int, query: int, head: int, seen: list[int]) -> np.ndarray:
    """What one query of one head finds among the keys that it sees."""
    group = head // (HEADS // GROUPS)
    powers = np.exp([0.5 * QUERY[batch, query, head] @ KEY[batch, key, group] for key in seen])
    return powers @ VALUES[batch, seen, group] / powers.sum()


@pytest.mark.parametrize(
    ("attrs", "sees"),
    [
        ({}, lambda query, key: True),
        ({"causal": True}, lambda query, key: key <= query),
        ({"window": 2}, lambda query, key: abs(query - key) < 2),
        ({"window": 2, "causal": True}, lambda query, key: query - 2 < key <= query),
    ],
)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("zero_masked", [False, True])
def test_every_query_of_every_head(attrs: dict[str, Any], sees: Any, masked: bool, zero_masked: bool) -> None:
    y, weights = run(MASK if masked else None, with_weights=True, zero_masked=zero_masked, **attrs)
    assert y.shape == (BATCH, QUERIES, HEADS, VALUE)
    assert weights.shape == (BATCH, HEADS, QUERIES, KEYS)
    for batch, query, head in np.ndindex(BATCH, QUERIES, HEADS):
        seen = [key for key in range(KEYS) if sees(query, key) and (not masked or MASK[batch, 0, query, key])]
        if seen:
            expected, counted = one(batch, query, head, seen), seen
        elif zero_masked:
            expected, counted = np.zeros(VALUE), []
        else:
            expected, counted = VALUES[batch, :, head // 2].mean(0), list(range(KEYS))
        np.testing.assert_allclose(y[batch, query, head], expected, rtol=1e-9, atol=1e-12)
        np.testing.assert_array_equal(np.flatnonzero(weights[batch, head, query]), counted)
    np.testing.assert_array_equal(run(MASK if masked else None, zero_masked=zero_masked, **attrs), y)


def types(*shapes: tuple[Any, ...], dtype: str = "float32") -> list[TensorType]:
    return [TensorType(dtype, shape) for shape in shapes]


def infer(*operands: TensorType | None, **attrs: Any) -> Any:
    return attention.infer(*operands, **attention.check_attributes({"scale": 1.0, **attrs}))


def test_types_with_open_sizes() -> None:
    query, key, value = types(("batch", None, 4, 3), (None, 5, 2, 3), (None, 5, 2, 6))
    output, weights = infer(query, key, value, None, with_weights=True)
    assert output.shape == ("batch", None, 4, 6)
    assert weights.shape == ("batch", 4, None, 5)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((2, 4, 3), (2, 5, 3), (2, 5, 3)), "must have axes"),
        (((2, 4, 4, 3), (3, 5, 4, 3), (2, 5, 4, 3)), "batches"),
        (((2, 4, 4, 3), (2, 5, 4, 3), (2, 6, 4, 3)), "times of keys and values"),
        (((2, 4, 4, 3), (2, 5, 4, 2), (2, 5, 4, 3)), "sizes of queries and keys"),
        (((2, 4, 4, 3), (2, 5, 4, 3), (2, 5, 2, 3)), "heads of keys and values"),
        (((2, 4, 4, 3), (2, 5, 3, 3), (2, 5, 3, 3)), "multiple"),
    ],
)
def test_shapes_that_do_not_fit(shapes: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        infer(*types(*shapes), None)


@pytest.mark.parametrize(
    ("mask", "error", "message"),
    [
        (TensorType("float32", (2, 1, 4, 5)), DtypeError, "mask must be bool"),
        (TensorType("bool", (2, 4, 5)), ShapeError, "must broadcast"),
        (TensorType("bool", (3, 1, 4, 5)), ShapeError, "broadcast"),
        (TensorType("bool", (2, 1, 4, 4)), ShapeError, "broadcast"),
    ],
)
def test_masks_that_do_not_fit(mask: TensorType, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        infer(*types((2, 4, 4, 3), (2, 5, 4, 3), (2, 5, 4, 3)), mask)


def test_floats_of_one_dtype_are_needed() -> None:
    with pytest.raises(DtypeError, match="floating"):
        infer(*types((2, 4, 4, 3), (2, 5, 4, 3), (2, 5, 4, 3), dtype="int32"), None)


def test_causal_mask() -> None:
    np.testing.assert_array_equal(causal_mask.meaning(np.zeros((7, 2, 3))), [[True, False, False], [True, True, False]])
    assert causal_mask.infer(TensorType("float32", (7, "time", None))) == TensorType("bool", ("time", None))
    with pytest.raises(ShapeError, match="queries and keys"):
        causal_mask.infer(TensorType("float32", (3,)))
