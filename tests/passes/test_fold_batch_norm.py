"""Factors of a convolution's channels, however they are written, in its weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat.executor import Executor
from kcompat.ir import TensorType
from kcompat.layers.emitter import Emitter
from kcompat.passes.pipelines import optimize
from kcompat.reference import evaluate

ATTRS: dict[str, Any] = {"strides": (1, 1), "pads": "same", "dilations": (1, 1)}
SHAPES = {"channels_last": (2, 7, 8, 32), "channels_first": (2, 32, 7, 8)}


def random(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("layout", SHAPES)
@pytest.mark.parametrize(("groups", "filters"), [(1, 24), (32, 32), (8, 32)])
@pytest.mark.parametrize("is_last", [False, True])
def test_factors_and_offsets_of_channels(layout: str, groups: int, filters: int, is_last: bool) -> None:
    """As tf2onnx leaves batch normalisation behind a depthwise convolution."""
    b = Emitter()
    x = b.input(TensorType("float32", SHAPES[layout]))
    y = b.conv(x, random(0, 3, 3, 32 // groups, filters), groups=groups, layout=layout, **ATTRS)
    along = (filters,) if layout == "channels_last" else (1, filters, 1, 1)
    factor, offset = random(1, *along), random(2, *along)
    graph = b.build([b.relu(b.add(b.mul(y, factor) if is_last else b.mul(factor, y), offset))])
    kinds = [node.op.name for node in optimize(graph).nodes if node.op.name != "transpose"]
    assert kinds == ["fused_conv"]
    data = random(3, *SHAPES[layout])
    np.testing.assert_allclose(Executor(graph)([data])[0], evaluate(graph, [data])[0], rtol=1e-4, atol=1e-5)


def test_what_is_no_factor_of_channels_stays() -> None:
    b = Emitter()
    x = b.input(TensorType("float32", (2, 8, 8, 8)))
    y = b.conv(x, random(0, 3, 3, 8, 8), groups=1, layout="channels_last", **ATTRS)
    others = [b.mul(y, random(1, *shape)) for shape in ((8, 1, 1), (1, 8, 1), (1, 1, 1, 1, 8))]
    alone = b.conv(x, random(4, 3, 3, 8, 8), groups=1, layout="channels_last", **ATTRS)
    twice = b.mul(alone, random(5, 8))
    graph = b.build([*others, alone, twice])
    assert sum(node.op.name in ("mul", "chain") for node in optimize(graph).nodes) == 4
    data = random(6, 2, 8, 8, 8)
    for ours, meaning in zip(Executor(graph)([data]), evaluate(graph, [data]), strict=True):
        np.testing.assert_allclose(ours, meaning, rtol=1e-4, atol=1e-5)
