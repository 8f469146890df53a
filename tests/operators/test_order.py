"""Order, running sums, repetition and gathered elements: what operations of Keras do not use of them, and errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kcompat.operators  # noqa: F401  (enters the cards)
from kcompat.errors import DtypeError, InputError, ShapeError
from kcompat.ir import Builder, TensorType, verify
from kcompat.ir.types import type_of
from kcompat.reference import evaluate

X = np.array([[3, 1, 2, 3], [0, 5, 5, -1]], np.float32)


def run(name: str, *arrays: np.ndarray, **attrs: Any) -> list[np.ndarray]:
    b = Builder()
    result = getattr(b, name)(*(b.input(type_of(array)) for array in arrays), **attrs)
    return evaluate(verify(b.build(result if isinstance(result, tuple) else [result])), list(arrays))


def inferred(name: str, *types: TensorType, **attrs: Any) -> Any:
    b = Builder()
    result = getattr(b, name)(*map(b.input, types), **attrs)
    return [value.type for value in result] if isinstance(result, tuple) else result.type


@pytest.mark.parametrize(
    ("name", "attrs", "expected"),
    [
        ("cumsum", {"exclusive": True}, [[0, 3, 4, 6], [0, 0, 5, 10]]),
        ("cumsum", {"reverse": True}, [[9, 6, 5, 3], [9, 9, 4, -1]]),
        ("cumsum", {"exclusive": True, "reverse": True}, [[6, 5, 3, 0], [9, 4, -1, 0]]),
        ("cumprod", {"exclusive": True}, [[1, 3, 3, 6], [1, 0, 0, 0]]),
        ("argsort", {"descending": True}, [[0, 3, 2, 1], [1, 2, 0, 3]]),
        ("argsort", {}, [[1, 2, 0, 3], [3, 0, 1, 2]]),
    ],
)
def test_along_an_axis(name: str, attrs: dict[str, Any], expected: Any) -> None:
    np.testing.assert_array_equal(run(name, X, axis=1, **attrs)[0], expected)


def test_top_k_takes_the_first_of_equals() -> None:
    values, places = run("top_k", X, k=2)
    np.testing.assert_array_equal(values, [[3, 3], [5, 5]])
    np.testing.assert_array_equal(places, [[0, 3], [1, 2]])


def test_sizes_and_shapes_of_others() -> None:
    assert run("size", X, axis=1)[0] == 4
    np.testing.assert_array_equal(run("broadcast_like", X[:1], X)[0], np.broadcast_to(X[:1], X.shape))
    assert inferred("broadcast_like", TensorType("int32", ()), TensorType("float32", ("batch", 3))) == TensorType(
        "int32", ("batch", 3)
    )
    assert inferred("tile", TensorType("float32", ("batch", 3)), repeats=(1, 2)).shape == ("batch", 6)
    assert inferred("tile", TensorType("float32", ("batch", 3)), repeats=(2, 1)).shape == (None, 3)


FLOATS, NUMBERS = TensorType("float32", (2, 3)), TensorType("int32", (2, 1))


@pytest.mark.parametrize(
    ("name", "types", "attrs", "error"),
    [
        ("top_k", [FLOATS], {"k": 4}, ShapeError),
        ("argmax", [TensorType("float32", (2, 0))], {"axis": 1}, ShapeError),
        ("cumsum", [FLOATS], {"axis": 2}, ShapeError),
        ("tile", [FLOATS], {"repeats": (2,)}, ShapeError),
        ("broadcast_to", [FLOATS], {"shape": (2, 4)}, ShapeError),
        ("broadcast_to", [FLOATS], {"shape": (3,)}, ShapeError),
        ("broadcast_like", [FLOATS, NUMBERS], {}, ShapeError),
        ("gather_elements", [FLOATS, FLOATS], {"axis": 1}, DtypeError),
        ("gather_elements", [FLOATS, TensorType("int32", (3, 3))], {"axis": 1}, ShapeError),
        ("gather_elements", [FLOATS, TensorType("int32", (2,))], {"axis": 1}, ShapeError),
        ("sin", [NUMBERS], {}, DtypeError),
        ("atan2", [FLOATS, NUMBERS], {}, DtypeError),
        ("mod", [FLOATS, NUMBERS], {}, DtypeError),
    ],
)
def test_what_does_not_fit_is_refused(name: str, types: Any, attrs: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        inferred(name, *types, **attrs)


def test_elements_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match=r"gather_elements: index 4 at \(0, 0\) is not in \[0, 4\)"):
        run("gather_elements", X, np.array([[4], [0]], np.int32), axis=1)
