"""What a card infers is what its meaning gives, for known and for open sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import kcompat.operators as operators
from kcompat.ir import OPERATORS, TensorType
from kcompat.ir.types import fits, type_of
from kcompat.operators.window import extent

Call = tuple[list[np.ndarray | None], dict[str, Any]]
RNG = np.random.Generator


def normal(rng: RNG, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


def some_layout(rng: RNG, spatial: tuple[int, ...], channels: int) -> tuple[np.ndarray, str]:
    first = bool(rng.integers(2))
    shape = (channels, *spatial) if first else (*spatial, channels)
    return normal(rng, 2, *shape), "channels_first" if first else "channels_last"


def some_window(rng: RNG) -> dict[str, Any]:
    """A window of one to three axes with strides, dilations and every form of pads."""
    rank = int(rng.integers(1, 4))
    window, strides = (tuple(map(int, rng.integers(1, 4, rank))) for _ in range(2))
    dilations = tuple(map(int, rng.integers(1, 3, rank)))
    explicit = tuple(tuple(map(int, rng.integers(0, extent(k, d), 2))) for k, d in zip(window, dilations, strict=True))
    pads = ["valid", "same", "same_lower", explicit][rng.integers(4)]
    return {"window": window, "strides": strides, "dilations": dilations, "pads": pads}


def some_conv(rng: RNG) -> Call:
    attrs = some_window(rng)
    window, groups = attrs.pop("window"), int(rng.integers(1, 4))
    x, layout = some_layout(rng, tuple(map(int, rng.integers(6, 9, len(window)))), 2 * groups)
    bias = normal(rng, 3 * groups) if rng.integers(2) else None
    return [x, normal(rng, *window, 2, 3 * groups), bias], {**attrs, "groups": groups, "layout": layout}


def some_conv_transpose(rng: RNG) -> Call:
    (x, w, _), attrs = some_conv(rng)
    rank, groups, filters = w.ndim - 2, attrs["groups"], w.shape[-2]
    spatial = x.shape[1:-1] if attrs["layout"] == "channels_last" else x.shape[2:]
    x, attrs["layout"] = some_layout(rng, spatial, w.shape[-1])
    attrs["pads"] = tuple((int(low), int(high)) for low, high in rng.integers(-1, 2, (rank, 2)))
    attrs["output_padding"] = tuple(int(rng.integers(stride)) for stride in attrs["strides"])
    return [x, w, normal(rng, filters * groups)], attrs


def some_pool(rng: RNG) -> Call:
    attrs = some_window(rng)
    x, layout = some_layout(rng, tuple(map(int, rng.integers(6, 9, len(attrs["window"])))), 3)
    return [x], {**attrs, "layout": layout}


def some_adaptive_pool(rng: RNG) -> Call:
    rank = int(rng.integers(1, 4))
    x, layout = some_layout(rng, tuple(map(int, rng.integers(3, 8, rank))), 2)
    return [x], {"output_size": tuple(map(int, rng.integers(1, 5, rank))), "layout": layout}


def some_batch_norm(rng: RNG) -> Call:
    x = normal(rng, *rng.integers(1, 5, rng.integers(2, 6)))
    axis = int(rng.integers(1, x.ndim)) - x.ndim * int(rng.integers(2))
    vectors = [np.abs(normal(rng, x.shape[axis])) for _ in range(4)]
    return [x, *vectors[:2], *(v if rng.integers(2) else None for v in vectors[2:])], {"axis": axis}


def some_group_norm(rng: RNG) -> Call:
    x = np.concatenate([normal(rng, *rng.integers(2, 5, rng.integers(2, 5)))] * 2, axis=-1)
    return [x, normal(rng, x.shape[-1]), None], {"groups": 2, "axis": -1}


def some_layer_norm(rng: RNG) -> Call:
    x = normal(rng, *rng.integers(1, 5, rng.integers(2, 5)))
    return [x, normal(rng, x.shape[-1]), None], {"axes": (-1,) if rng.integers(2) else (1, 0)}


def some_rms_norm(rng: RNG) -> Call:
    (x, gamma, _), attrs = some_layer_norm(rng)
    return [x, gamma], attrs


def some_l2_normalize(rng: RNG) -> Call:
    (x, *_), attrs = some_layer_norm(rng)
    return [x], attrs


def some_dense(rng: RNG) -> Call:
    x = normal(rng, *rng.integers(1, 5, rng.integers(1, 5)))
    return [x, normal(rng, x.shape[-1], 3), normal(rng, 3) if rng.integers(2) else None], {}


def some_matmul(rng: RNG) -> Call:
    inner, batch = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    left = [(inner,), (2, inner), (batch, 2, inner), (1, 2, inner)][rng.integers(4)]
    right = [(inner,), (inner, 3), (batch, inner, 3), (1, inner, 3)][rng.integers(4)]
    return [normal(rng, *left), normal(rng, *right)], {}


def some_einsum(rng: RNG) -> Call:
    b, i, j, k = map(int, rng.integers(1, 5, 4))
    equation = ["bij,bjk->bik", "bij,bjk->kb", "bij,bjk->"][rng.integers(3)]
    return [normal(rng, b, i, j), normal(rng, b, j, k)], {"equation": equation}


CALLS: dict[str, Callable[[RNG], Call]] = {
    "conv": some_conv,
    "conv_transpose": some_conv_transpose,
    "max_pool": some_pool,
    "avg_pool": some_pool,
    "adaptive_max_pool": some_adaptive_pool,
    "adaptive_avg_pool": some_adaptive_pool,
    "batch_norm": some_batch_norm,
    "layer_norm": some_layer_norm,
    "rms_norm": some_rms_norm,
    "l2_normalize": some_l2_normalize,
    "group_norm": some_group_norm,
    "dense": some_dense,
    "matmul": some_matmul,
    "einsum": some_einsum,
}
FILES = (operators.conv, operators.pool, operators.norm, operators.linear)


def calls(name: str) -> list[tuple[list[np.ndarray | None], dict[str, Any]]]:
    rng = np.random.default_rng(len(name))
    made = [CALLS[name](rng) for _ in range(40)]
    return [(operands, OPERATORS[name].check_attributes(attrs)) for operands, attrs in made]


def test_every_card_of_these_files_is_called() -> None:
    named = {card.name for file in FILES for card in vars(file).values() if card in OPERATORS.values()}
    assert named == set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_known_sizes(name: str) -> None:
    card = OPERATORS[name]
    for operands, attrs in calls(name):
        inferred = card.infer(*(None if a is None else type_of(a) for a in operands), **attrs)
        result = card.meaning(*operands, **attrs)
        assert inferred == TensorType("float32", result.shape), (attrs, [np.shape(a) for a in operands])


@pytest.mark.parametrize("name", CALLS)
def test_open_sizes(name: str) -> None:
    """With an axis of the first operand open, what is inferred leaves room for every size of it."""
    card = OPERATORS[name]
    for operands, attrs in calls(name):
        x, *others = (None if a is None else type_of(a) for a in operands)
        result = card.meaning(*operands, **attrs)
        for axis in range(x.rank):
            opened = x.with_shape("n" if place == axis else size for place, size in enumerate(x.shape))
            inferred = card.infer(opened, *others, **attrs)
            assert fits(result.shape, inferred.shape)


WINDOWED = [name for name in CALLS if "pool" in name or "conv" in name]


@pytest.mark.parametrize("name", WINDOWED)
def test_open_batch_and_space(name: str) -> None:
    """The batch keeps its name; a spatial size is open where the output's depends on it."""
    card = OPERATORS[name]
    for operands, attrs in calls(name):
        x, *others = (None if a is None else type_of(a) for a in operands)
        channels = x.rank - 1 if attrs["layout"] == "channels_last" else 1
        opened = x.with_shape(size if axis == channels else f"n{axis}" for axis, size in enumerate(x.shape))
        batch, *rest = card.infer(opened, *others, **attrs).shape
        space = [size for axis, size in enumerate(rest, 1) if axis != channels]
        assert batch == "n0"
        assert isinstance(rest[channels - 1], int)
        assert all(isinstance(size, int) for size in space) == ("adaptive" in name)


@pytest.mark.parametrize(
    ("source", "target", "inferred"),
    [
        (("batch", 32), (-1, 32, 1, 1), ("batch", 32, 1, 1)),
        (("batch", 4, 8), (-1, 2, 16), ("batch", 2, 16)),
        (("batch", 4, 8), (-1, 16), (None, 16)),
        (("batch", "time", 8), (-1, 8), (None, 8)),
        ((2, "time", 8), (-2, -1, 8), (2, "time", 8)),
        ((None, 8), (-1, 8, 1), (None, 8, 1)),
    ],
)
def test_reshape_keeps_the_name_of_an_open_size(source: Any, target: tuple[int, ...], inferred: Any) -> None:
    assert OPERATORS["reshape"].infer(TensorType("float32", source), shape=target).shape == inferred
