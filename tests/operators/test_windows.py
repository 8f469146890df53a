"""Convolution and pooling against their definitions, position by position."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
import pytest

from kcompat.ir import OPERATORS
from kcompat.operators.window import extent, resolve_pads

SEEDS = range(30)


def some_window(rng: np.random.Generator, window: tuple[int, ...]) -> dict[str, Any]:
    strides = tuple(map(int, rng.integers(1, 4, len(window))))
    dilations = tuple(map(int, rng.integers(1, 3, len(window))))
    explicit = tuple(tuple(map(int, rng.integers(0, extent(k, d), 2))) for k, d in zip(window, dilations, strict=True))
    return {
        "strides": strides,
        "dilations": dilations,
        "pads": ["valid", "same", "same_lower", explicit][rng.integers(4)],
    }


def positions(
    sizes: tuple[int, ...], window: tuple[int, ...], strides: Any, dilations: Any, pads: Any
) -> Iterator[tuple[tuple[int, ...], list[tuple[tuple[int, ...], tuple[int, ...]]], int]]:
    """For each output position: the pairs of window and input positions inside x, and how many lie in x or its pads."""
    lows_highs = resolve_pads(pads, sizes, window, strides, dilations)
    counts = [
        (size + low + high - extent(k, d)) // s + 1
        for size, (low, high), k, s, d in zip(sizes, lows_highs, window, strides, dilations, strict=True)
    ]
    for out in product(*map(range, counts)):
        pairs = []
        for tap in product(*map(range, window)):
            at = tuple(o * s + t * d - low for o, s, t, d, (low, _) in zip(out, strides, tap, dilations, lows_highs))  # noqa: B905
            if all(0 <= place < size for place, size in zip(at, sizes, strict=True)):
                pairs.append((tap, at))
        yield out, pairs, int(np.prod(window))


def test_same_pads() -> None:
    assert resolve_pads("same", (7,), (4,), (2,), (1,)) == ((1, 2),)
    assert resolve_pads("same_lower", (7,), (4,), (2,), (1,)) == ((2, 1),)
    assert resolve_pads("same", (5,), (1,), (3,), (1,)) == ((0, 0),)


@pytest.mark.parametrize("seed", SEEDS)
def test_conv(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank, groups = int(rng.integers(1, 3)), int(rng.integers(1, 4))
    window, sizes = tuple(map(int, rng.integers(1, 4, rank))), tuple(map(int, rng.integers(5, 8, rank)))
    attrs = some_window(rng, window)
    x, w = rng.standard_normal((2, *sizes, 2 * groups)), rng.standard_normal((*window, 2, 3 * groups))
    result = OPERATORS["conv"].meaning(x, w, None, **attrs, groups=groups, layout="channels_last")
    for out, pairs, _ in positions(sizes, window, **attrs):
        for filter in range(3 * groups):
            first = filter // 3 * 2
            expected = sum((x[(slice(None), *at)][:, first : first + 2] @ w[tap][:, filter] for tap, at in pairs), 0.0)
            np.testing.assert_allclose(result[(slice(None), *out, filter)], expected, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_conv_transpose_is_the_adjoint_of_conv(seed: int) -> None:
    """<conv(x), y> = <x, conv_transpose(y)>, with the positions that the strides leave over as output padding."""
    rng = np.random.default_rng(seed)
    rank, groups = int(rng.integers(1, 4)), int(rng.integers(1, 4))
    window, sizes = tuple(map(int, rng.integers(1, 4, rank))), tuple(map(int, rng.integers(5, 8, rank)))
    attrs = {**some_window(rng, window), "groups": groups, "layout": "channels_last"}
    attrs["pads"] = resolve_pads(attrs["pads"], sizes, window, attrs["strides"], attrs["dilations"])
    x, w = rng.standard_normal((2, *sizes, 2 * groups)), rng.standard_normal((*window, 2, 3 * groups))
    forward = OPERATORS["conv"].meaning(x, w, None, **attrs)
    y = rng.standard_normal(forward.shape)
    left_over = tuple(
        (size + low + high - extent(k, d)) % s
        for size, k, s, d, (low, high) in zip(
            sizes, window, attrs["strides"], attrs["dilations"], attrs["pads"], strict=True
        )
    )
    backward = OPERATORS["conv_transpose"].meaning(y, w, None, **attrs, output_padding=left_over)
    assert backward.shape == x.shape
    np.testing.assert_allclose(np.sum(forward * y), np.sum(x * backward))


@pytest.mark.parametrize("seed", SEEDS)
def test_pools(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rank = int(rng.integers(1, 3))
    window, sizes = tuple(map(int, rng.integers(1, 4, rank))), tuple(map(int, rng.integers(5, 8, rank)))
    attrs, x = some_window(rng, window), rng.standard_normal((2, *sizes, 3)) - 5.0
    whole = {"window": window, **attrs, "layout": "channels_last"}
    largest = OPERATORS["max_pool"].meaning(x, **whole)
    mean = OPERATORS["avg_pool"].meaning(x, **whole, count_padding=False)
    padded_mean = OPERATORS["avg_pool"].meaning(x, **whole, count_padding=True)
    for out, pairs, count in positions(sizes, window, **attrs):
        if pairs:
            seen = np.stack([x[(slice(None), *at)] for _, at in pairs])
            here = (slice(None), *out)
            np.testing.assert_allclose(largest[here], seen.max(0))
            np.testing.assert_allclose(mean[here], seen.mean(0))
            np.testing.assert_allclose(padded_mean[here], seen.sum(0) / count)


def test_max_pool_of_integers() -> None:
    x = np.array([[[-5], [-7], [-6]]], np.int32)
    y = OPERATORS["max_pool"].meaning(x, window=(2,), strides=(2,), pads="same", dilations=(), layout="channels_last")
    assert y.tolist() == [[[-5], [-6]]]
    assert y.dtype == np.int32
