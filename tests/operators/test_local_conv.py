"""The card local_conv against a loop over positions, and what it refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat.errors import ShapeError
from kcompat.ir import TensorType
from kcompat.operators.local_conv import local_conv

RNG = np.random.default_rng(9)


def attributes(**given: Any) -> dict[str, Any]:
    return local_conv.check_attributes({"window": (2, 3), "strides": (2, 1), **given})


@pytest.mark.parametrize("layout", ["channels_last", "channels_first"])
def test_every_position(layout: str) -> None:
    x, w = RNG.standard_normal((2, 5, 4, 3)), RNG.standard_normal((2 * 4, 2 * 3 * 3, 6))
    attrs = attributes(pads=((0, 0), (1, 1)), layout=layout)
    last = layout == "channels_last"
    y = local_conv.meaning(x if last else np.moveaxis(x, -1, 1), w, **attrs)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (0, 0)))
    for position, (row, column) in enumerate(np.ndindex(2, 4)):
        seen = padded[:, 2 * row : 2 * row + 2, column : column + 3]
        elements = (seen if last else np.moveaxis(seen, -1, 1)).reshape(2, -1)
        actual = y[:, row, column] if last else y[:, :, row, column]
        np.testing.assert_allclose(actual, elements @ w[position])


def test_types() -> None:
    x, w = TensorType("float32", ("batch", 5, 4, 3)), TensorType("float32", (4, 18, 6))
    assert local_conv.infer(x, w, **attributes()).shape == ("batch", 2, 2, 6)
    assert local_conv.infer(x.with_shape((None, 5, None, 3)), w, **attributes()).shape == (None, 2, None, 6)


@pytest.mark.parametrize(
    ("x", "w", "message"),
    [
        ((2, 5, 4), (4, 18, 6), "rank 4"),
        ((2, 5, 4, 3), (4, 18), "window elements, filters"),
        ((2, 5, 4, 2), (4, 18, 6), "elements of window"),
        ((2, 5, 4, 3), (5, 18, 6), "positions of the output"),
    ],
)
def test_shapes_that_do_not_fit(x: Any, w: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        local_conv.infer(TensorType("float32", x), TensorType("float32", w), **attributes())
