"""Kernels of products of bytes, on shapes that do not fit their tiles, against the operators' meanings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_checks import LANES, check, random

from kcompat.plan import planner
from kcompat.plan.program import kernel

TYPES = [("uint8", "int8"), ("int8", "int8"), ("uint8", "uint8"), ("int8", "uint8")]


class Case:
    """The operands of a fused product, drawn for shapes. result: "int32", "float" or a dtype of bytes."""

    def __init__(self, types: tuple[str, str], shape: tuple[int, ...], w: tuple[int, ...], result: str) -> None:
        self.random = np.random.default_rng(sum(shape) + sum(w))
        self.x, self.w = self.bytes(types[0], *shape), self.bytes(types[1], *w)
        self.x_zero, self.w_zero = self.bytes(types[0]), self.bytes(types[1], w[-1])
        bias = self.random.integers(-1000, 1000, w[-1]).astype(np.int32)
        factor = (self.random.random(w[-1]) / 100).astype(np.float32)
        offset = self.random.normal(size=w[-1]).astype(np.float32)
        self.rest = [bias] if result == "int32" else [bias, factor, offset]
        if result not in ("int32", "float"):
            self.rest.append(self.bytes(result))
        self.limits = {} if result == "int32" else {"low": -30.0, "high": 50.0}

    def bytes(self, dtype: str, *shape: int) -> np.ndarray:
        bounds = np.iinfo(dtype)
        return np.asarray(self.random.integers(bounds.min, bounds.max + 1, shape), dtype)

    def check(self, card: str, lanes: int, is_known: bool, **attrs: Any) -> str:
        """Holds it to the meaning; is_known: whether the zero of x is, before it runs."""

        def build(b: Any, x: Any, zero: Any = None) -> Any:
            zero = self.x_zero if zero is None else zero
            return getattr(b, card)(x, self.w, zero, self.w_zero, *self.rest, **attrs, **self.limits)

        return check(build, self.x, *([] if is_known else [self.x_zero]), lanes=lanes)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize(
    ("shape", "columns", "result", "is_known"),
    [
        ((5, 33), 40, "int32", True),
        ((1, 64), 100, "float", False),
        ((37, 20), 17, "uint8", True),
        ((3, 8), 70, "int8", False),
        ((2, 3, 12), 16, "float", True),
    ],
)
def test_dense(
    shape: tuple[int, ...], columns: int, result: str, is_known: bool, types: tuple[str, str], lanes: int
) -> None:
    case = Case(types, shape, (shape[-1], columns), result)
    assert "integer dense" in case.check("fused_integer_dense", lanes, is_known)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("types", TYPES)
@pytest.mark.parametrize(
    ("shape", "w", "result", "is_known", "attrs"),
    [
        ((2, 9, 8, 3), (3, 3, 3, 20), "int8", False, {}),
        ((1, 7, 8, 8), (1, 1, 8, 40), "float", True, {"strides": (2, 2)}),
        ((1, 7, 8, 24), (3, 3, 12, 40), "int32", True, {"groups": 2, "pads": ((1, 0), (2, 1))}),
        ((2, 7, 8, 24), (3, 3, 1, 24), "uint8", False, {"groups": 24, "strides": (2, 1)}),
        ((2, 7, 8, 6), (5, 6, 1, 6), "float", True, {"groups": 6, "dilations": (2, 1)}),
        ((2, 7, 6), (3, 1, 12), "uint8", True, {"groups": 6, "strides": (1,), "dilations": (1,)}),
        ((1, 3, 5, 4, 8), (2, 3, 3, 8, 9), "uint8", True, {"strides": (1, 2, 1), "dilations": (1, 1, 1)}),
    ],
)
def test_conv(
    shape: tuple[int, ...],
    w: tuple[int, ...],
    result: str,
    is_known: bool,
    attrs: dict[str, Any],
    types: tuple[str, str],
    lanes: int,
) -> None:
    attrs = {"strides": (1, 1), "pads": "same", "dilations": (1, 1), "groups": 1, **attrs}
    label = Case(types, shape, w, result).check("fused_integer_conv", lanes, is_known, **attrs)
    assert ("integer depthwise" if w[-1] == attrs["groups"] else "integer conv") in label


@pytest.mark.parametrize("way", ["madd", "plain"])
@pytest.mark.parametrize("lanes", LANES)
def test_all_instructions_give_the_same(way: str, lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """What processors without VNNI run, on this one."""
    step = planner.Planner.step

    def other(self: Any, key: Any, *arguments: Any, **options: Any) -> None:
        name, parameters = key
        key = kernel(name, **dict(parameters), way=way) if name == "integer_product.tiles" else key
        step(self, key, *arguments, **options)

    monkeypatch.setattr(planner.Planner, "step", other)
    for types in TYPES:
        Case(types, (7, 33), (33, 20), "int32").check("fused_integer_dense", lanes, True)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_steps(dtype: str, lanes: int) -> None:
    """Per tensor and per channel, and beyond the bounds."""
    x, bounds = random(3, 5, 700, scale=40.0), np.iinfo(dtype)
    scales = np.linspace(0.1, 1, 700, dtype=np.float32)
    zeros = np.linspace(bounds.min, bounds.max, 700).astype(dtype)
    one, zero = np.asarray(0.25, np.float32), np.asarray(bounds.max - 100, dtype)
    for scale, offset in ((one, zero), (scales, zeros), (one, zeros), (scales, zero)):
        label = check(
            lambda b, x, scale=scale, zero=offset: b.dequantize(b.quantize(x, scale, zero), scale, zero), x, lanes=lanes
        )
        assert label == "chain quantize dequantize"
    sums = (x * 1000).astype(np.int32)
    check(lambda b, x: b.requantize(x, scales / 500, zero), sums, lanes=lanes)
    check(lambda b, x: b.dequantize(x, scales, np.asarray(3, np.int32)), sums, lanes=lanes)


@pytest.mark.parametrize("count", [1, 5, 4096, 9000])
def test_own_scale(count: int) -> None:
    for x in (random(1, count), np.abs(random(2, count)) + 3, -np.abs(random(2, count)), np.zeros(count, np.float32)):
        check(lambda b, x: b.dynamic_quantize(x), x, lanes=16)


@pytest.mark.parametrize("dtype", ["uint8", "int8"])
def test_largest_bytes(dtype: str) -> None:
    x = np.random.default_rng(0).integers(np.iinfo(dtype).min, 40, (2, 9, 8, 20)).astype(dtype)
    options = {"window": (3, 2), "strides": (2, 1), "pads": ((1, 1), (0, 1)), "dilations": (1, 2)}
    assert "max pool" in check(lambda b, x: b.max_pool(x, layout="channels_last", **options), x, lanes=16)
