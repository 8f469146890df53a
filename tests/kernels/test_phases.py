"""Transposed convolutions by phases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from kernel_checks import LANES, check, random

import kcompat
from kcompat import layers
from kcompat.plan.lowering.phases import Phase, phases_of


def test_the_taps_of_phases() -> None:
    assert phases_of(4, 2, 1) == [Phase([3, 1], -1), Phase([2, 0], 0)]
    assert phases_of(3, 2, 1) == [Phase([1], 0), Phase([2, 0], 0)]
    assert phases_of(5, 2, 1) == [Phase([3, 1], -1), Phase([4, 2, 0], -1)]
    assert phases_of(2, 2, 0) == [Phase([0], 0), Phase([1], 0)]
    assert phases_of(3, 1, 2) == [Phase([2, 1, 0], 0)]


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("filters", [8, 24, 40])
@pytest.mark.parametrize(
    ("window", "settings"),
    [
        ((4, 4), {"pads": ((1, 1), (1, 1))}),
        ((3, 3), {"pads": ((1, 1), (1, 1)), "output_padding": (1, 1)}),
        ((5, 6), {"pads": ((1, 2), (2, 2))}),
        ((3, 4), {"strides": (3, 1), "pads": ((-3, 0), (0, 3))}),
        ((4, 3), {"strides": (1, 3), "pads": ((3, 0), (2, -2))}),
        ((2, 2), {"pads": ((1, 1), (2, 0))}),
    ],
)
def test_phases(window: tuple[int, int], settings: dict[str, Any], filters: int, lanes: int) -> None:
    w, bias = random(1, *window, filters, 6, scale=0.3), random(2, filters)
    attrs = {"strides": (2, 2), "dilations": (1, 1), "output_padding": (0, 0), "groups": 1, **settings}
    steps = check(lambda b, x: b.conv_transpose(x, w, bias, **attrs), random(0, 3, 5, 4, 6), lanes=lanes)
    assert "phase" in steps
    assert "interleave" in steps


def test_weights_come_back_as_they_were() -> None:
    model = kcompat.Sequential([
        layers.Input((6, 5, 64)), layers.Conv2DTranspose(40, 5, strides=2, padding="same"),
    ])  # fmt: skip
    before = [np.array(array) for array in model.get_weights()]
    model.predict(random(0, 2, 6, 5, 64), verbose=0)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
