"""Operators on strings and categories: what they refuse when they are built and when they run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat.errors import ArgumentError, DtypeError, InputError, KcompatError, ShapeError
from kcompat.ir import Builder
from kcompat.ir.types import type_of
from kcompat.reference import evaluate

WORDS = np.array(["cat", "dog"], object)
NOTHING = np.array([], object)


def run(name: str, *operands: Any, **attrs: Any) -> np.ndarray:
    """The first result of one operator for arrays, which enter as inputs."""
    builder = Builder()
    arrays = [None if operand is None else np.asarray(operand) for operand in operands]
    values = [None if array is None else builder.input(type_of(array)) for array in arrays]
    result = getattr(builder, name)(*values, **attrs)
    outputs = result if isinstance(result, tuple) else (result,)
    return evaluate(builder.build(outputs), [array for array in arrays if array is not None])[0]


@pytest.mark.parametrize(
    ("error", "name", "operands", "attrs"),
    [
        (DtypeError, "one_hot", [np.float32([1])], {"depth": 2}),
        (DtypeError, "bin_count", [np.float32([1])], {"depth": 2}),
        (ShapeError, "bin_count", [np.int64(1)], {"depth": 2}),
        (ShapeError, "bin_count", [[1, 2], np.float32([1, 2, 3])], {"depth": 2}),
        (ShapeError, "bin_count", [[1, 2], np.float32([1, 2])], {"depth": 2, "binary": True}),
        (InputError, "bin_count", [[1, -1]], {"depth": 2}),
        (DtypeError, "bucketize", [WORDS, np.float32([0])], {}),
        (ShapeError, "bucketize", [np.float32([0]), np.float32([[0]])], {}),
        (InputError, "bucketize", [np.float32([0]), np.float32([])], {}),
        (DtypeError, "hash_bins", [WORDS, np.int64(1)], {"bins": 3}),
        (ArgumentError, "hash_bins", [WORDS], {"bins": 0}),
        (ArgumentError, "hash_bins", [WORDS], {"bins": 3, "salt": (1, 2, 3)}),
        (InputError, "hash_bins", [np.array([None], object)], {"bins": 3}),
        (DtypeError, "cross_bins", [WORDS, np.float32([1, 2])], {"bins": 3}),
        (ArgumentError, "cross_bins", [WORDS], {"bins": 3}),
        (DtypeError, "lookup", [np.int64([1]), WORDS], {"first": 0}),
        (DtypeError, "lookup", [np.float32([1]), np.float32([1])], {"first": 0}),
        (InputError, "lookup", [WORDS, NOTHING], {"first": 0}),
        (InputError, "lookup", [WORDS, WORDS[:1]], {"first": 0, "strangers": 0}),
        (InputError, "token_at", [np.int64([0]), NOTHING, np.array("?", object)], {}),
        (DtypeError, "token_at", [np.int64([0]), WORDS, np.int64(1)], {}),
        (DtypeError, "tokenize", [np.int64([0])], {}),
        (ShapeError, "tokenize", [WORDS[None]], {}),
        (ShapeError, "tokenize", [WORDS], {"by": "nothing"}),
        (ShapeError, "clahe", [np.zeros((1, 4, 4, 1), np.float32)], {"tiles": (3, 3, 3), "clip_limit": 0.0}),
        (ShapeError, "clahe", [np.zeros((1, 3, 3, 1), np.float32)], {"tiles": (8, 8), "clip_limit": 0.0}),
        (ShapeError, "stft", [np.float32([1, 2]), np.float32([[1]])], {"step": 1}),
        (DtypeError, "stft", [np.int64([1, 2]), np.int64([1])], {"step": 1}),
    ],
)
def test_what_is_refused(error: type[KcompatError], name: str, operands: list[Any], attrs: dict[str, Any]) -> None:
    with pytest.raises(error, match=f"{name}|str or bytes"):
        run(name, *operands, **attrs)


def test_str_and_bytes_are_the_same_text() -> None:
    mixed = np.array(["röt", "röt".encode(), b"dog"], object)
    tokens = np.array([b"dog", "röt"], object)
    assert run("lookup", mixed, tokens, first=1).tolist() == [2, 2, 1]
    assert len(set(run("hash_bins", mixed[:2], bins=1000).tolist())) == 1


def test_bytes_that_are_no_utf8_keep_their_identity() -> None:
    tokens = np.array([b"\xff", b"\xfe"], object)
    assert run("lookup", tokens, tokens, first=1).tolist() == [1, 2]
    assert run("tokenize", np.array([b"\xff \xfe"], object))[0].tolist() == [b"\xff", b"\xfe"]


def test_bins_of_numbers_are_those_of_their_text() -> None:
    numbers, texts = np.int64([-12, 0, 7]), np.array(["-12", "0", "7"], object)
    assert run("hash_bins", numbers, bins=97).tolist() == run("hash_bins", texts, bins=97).tolist()
    cut = run("hash_bins", np.float32([-12.9, 0.5, 7.0]), bins=97)
    assert cut.tolist() == run("hash_bins", texts, bins=97).tolist()


def test_bin_count_of_no_samples() -> None:
    assert run("bin_count", np.zeros((0, 3), np.int64), depth=4).shape == (0, 4)
    assert run("bin_count", np.zeros((2, 0), np.int64), depth=4).tolist() == [[0] * 4] * 2


def test_boundaries_are_compared_in_float32() -> None:
    """0.1 as a float32 lies above 0.1: TensorFlow compares float64 with it as it is."""
    assert run("bucketize", np.float64([0.1]), np.float32([0.1])).tolist() == [0]
    assert run("bucketize", np.float32([0.1]), np.float32([0.1])).tolist() == [1]
    assert run("bucketize", np.float32([np.nan, np.inf]), np.float32([0.1])).tolist() == [1, 1]
