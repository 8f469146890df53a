"""Operands that do not fit: which error, and that it says the numbers."""

from __future__ import annotations

from typing import Any

import pytest

from kcompat.errors import ArgumentError, DtypeError, ShapeError
from kcompat.ir import Builder, TensorType

CONV = {"strides": (1, 1), "dilations": (1, 1)}
TRANSPOSE = {**CONV, "pads": ((0, 0), (0, 0)), "output_padding": (0, 0)}
POOL = {"window": (2, 2), "strides": (2, 2)}
Shape = tuple[Any, ...]

SHAPES: list[tuple[str, list[Shape], dict[str, Any], str]] = [
    ("conv", [(1, 5, 3), (2, 2, 3, 4)], CONV, r"rank 4, received rank 3, shape \[1,5,3\]"),
    ("conv", [("n", 5, 5, 3), (2, 2, 4, 4)], CONV, r"\[n,5,5,3\] \(channels_last\) has 3 channels.* takes 4"),
    ("conv", [(1, 5, 5, 4), (2, 2, 2, 3)], {**CONV, "groups": 2}, "3 filters do not divide into 2 groups"),
    ("conv", [(1, 2, 5, 3), (3, 2, 3, 4)], CONV, "a window spanning 3 does not fit into 2 positions with padding 0"),
    ("conv", [(1, 5, 5, 3), (2, 2, 3, 4)], {**CONV, "strides": (1,)}, r"2 spatial axes with window \(2, 2\), strides"),
    ("conv", [(1, 5, 5, 3), (2, 2, 3, 4)], {**CONV, "dilations": (0, 1)}, r"dilations \(0, 1\)"),
    ("conv_transpose", [(1, 5, 5, 3), (2, 2, 4, 3)], {**TRANSPOSE, "strides": (1,)}, r"strides \(1,\)"),
    ("conv_transpose", [(1, 5, 5, 3), (2, 2, 4, 3)], {**TRANSPOSE, "output_padding": (0,)}, r"output_padding \(0,\)"),
    ("conv_transpose", [(1, 5, 5, 3), (2, 2, 4, 2)], TRANSPOSE, "has 3 channels.* takes 2"),
    ("conv_transpose", [(1, 1, 5, 3), (1, 1, 4, 3)], {**TRANSPOSE, "pads": ((1, 0), (0, 0))}, "output of size"),
    ("max_pool", [(1, 5, 5)], POOL, "pooling with 2 spatial axes needs an input of rank 4, received rank 3"),
    ("max_pool", [(1, 5, 5, 1)], {**POOL, "pads": ((2, 0), (0, 0))}, r"pads \(\(2, 0\), \(0, 0\)\) leave windows"),
    ("adaptive_avg_pool", [(1, 5, 1)], {"output_size": (0,)}, r"positive output sizes, received \(0,\)"),
    ("batch_norm", [(1, 5, 3), (3,), (4,)], {}, r"batch_norm: axis 2 of \[1,5,3\] and its vectors .* 3 and 4"),
    ("batch_norm", [(1, 3), (1, 3), (3,)], {}, r"vectors, received \[1,3\]"),
    ("batch_norm", [(1, 3), (3,), (3,)], {"axis": 2}, "axis=2 is out of range for a tensor of rank 2"),
    ("layer_norm", [(2, 3), (4,)], {}, r"do not broadcast: \[2,3\] with \[4\]"),
    ("layer_norm", [(2, 3), (1, 2, 3)], {}, r"\[1,2,3\] has more axes than \[2,3\]"),
    ("rms_norm", [(2, 3)], {"axes": (1, -1)}, "names an axis twice"),
    ("group_norm", [(2, 6)], {"groups": 4}, r"axis 1 of \[2,6\] does not divide into 4 groups"),
    ("group_norm", [(2, 6), (5,)], {"groups": 2}, "6 and 5"),
    ("group_norm", [(2, 6)], {"groups": 2, "axis": 0}, "axis 0"),
    ("dense", [(2, 3), (4, 5)], {}, r"last axis of x \[2,3\] and rows of w \[4,5\] must be equal, received 3 and 4"),
    ("matmul", [(2, 3), (4, 5)], {}, "received 3 and 4"),
    ("einsum", [(2, 3), (4, 5)], {"equation": "ij,jk->ik"}, "sizes of 'j' must be equal, received 3 and 4"),
    ("einsum", [(2, 3)], {"equation": "ij,jk->ik"}, "takes 2 operands, received 1"),
]


def apply(name: str, types: list[TensorType], attrs: dict[str, Any]) -> None:
    builder = Builder()
    getattr(builder, name)(*map(builder.input, types), **attrs)


@pytest.mark.parametrize(("name", "shapes", "attrs", "message"), SHAPES)
def test_shapes(name: str, shapes: list[Shape], attrs: dict[str, Any], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        apply(name, [TensorType("float32", shape) for shape in shapes], attrs)


@pytest.mark.parametrize(
    ("name", "shapes", "attrs"),
    [
        ("conv", [(1, 5, 5, 3), (2, 2, 3, 4)], CONV),
        ("conv_transpose", [(1, 5, 5, 3), (2, 2, 4, 3)], TRANSPOSE),
        ("batch_norm", [(1, 3), (3,), (3,)], {}),
        ("layer_norm", [(2, 3), (3,)], {}),
        ("group_norm", [(2, 4), (4,)], {"groups": 2}),
        ("dense", [(2, 3), (3, 5)], {}),
        ("matmul", [(2, 3), (3, 5)], {}),
        ("einsum", [(2, 3), (3, 5)], {"equation": "ij,jk->ik"}),
    ],
)
def test_mixed_dtypes(name: str, shapes: list[Shape], attrs: dict[str, Any]) -> None:
    dtypes = ["float32", *["float64"] * (len(shapes) - 1)]
    with pytest.raises(DtypeError, match="one dtype, received float32, float64"):
        apply(name, [TensorType(dtype, shape) for dtype, shape in zip(dtypes, shapes, strict=True)], attrs)


@pytest.mark.parametrize(
    ("attrs", "message"),
    [
        ({**POOL, "pads": "full"}, "'pads' must be .* received 'full'"),
        ({**POOL, "window": 2}, "'window' must be ints, received 2"),
        ({"window": (2, 2)}, "'strides' is missing"),
        ({**POOL, "layout": "NHWC"}, "received 'NHWC'"),
        ({**POOL, "size": 2}, "unknown attribute 'size'"),
    ],
)
def test_attributes(attrs: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        apply("max_pool", [TensorType("float32", (1, 4, 4, 1))], attrs)
