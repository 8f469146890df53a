"""Colours as hue, saturation and value. Source: tensorflow/core/kernels/image/colorspace_op.h."""

from __future__ import annotations

from ..errors import ShapeError
from ..ir import Value
from ..ir.types import shape_text
from .emitter import Emitter


def rgb_to_hsv(b: Emitter, x: Value) -> tuple[Value, Value, Value]:
    """Hue, saturation and value (..., 1) of colours (..., 3). Raises ShapeError."""
    if x.shape[-1] != 3:
        raise ShapeError(f"needs three channels, received shape {shape_text(x.shape)}")
    red, green, blue = (b.slice(x, starts=(i,), stops=(i + 1,), steps=(1,), axes=(x.rank - 1,)) for i in range(3))
    value = b.reduce_max(x, axes=(x.rank - 1,), keepdims=True)
    spread = b.sub(value, b.reduce_min(x, axes=(x.rank - 1,), keepdims=True))
    zero, one = b.constant(0.0, x.dtype), b.constant(1.0, x.dtype)
    saturation = b.where(b.greater(value, 0.0), b.div(spread, b.where(b.greater(value, 0.0), value, one)), zero)
    is_gray = b.less_equal(spread, 0.0)
    sixth = b.div(1.0, b.mul(b.where(is_gray, one, spread), 6.0))
    hue = b.where(
        b.equal(red, value),
        b.mul(sixth, b.sub(green, blue)),
        b.where(
            b.equal(green, value),
            b.add(b.mul(sixth, b.sub(blue, red)), 2 / 6),
            b.add(b.mul(sixth, b.sub(red, green)), 4 / 6),
        ),
    )
    hue = b.where(is_gray, zero, hue)
    return b.where(b.less(hue, 0.0), b.add(hue, 1.0), hue), saturation, value


def hsv_to_rgb(b: Emitter, hue: Value, saturation: Value, value: Value) -> Value:
    """Colours (..., 3)."""
    place = b.mul(hue, 6.0)
    parts = (
        b.sub(b.abs(b.sub(place, 3.0)), 1.0),
        b.sub(2.0, b.abs(b.sub(place, 2.0))),
        b.sub(2.0, b.abs(b.sub(place, 4.0))),
    )
    channels = [
        b.mul(b.add(b.sub(1.0, saturation), b.mul(saturation, b.clip(part, low=0.0, high=1.0))), value)
        for part in parts
    ]
    return b.concat(*channels, axis=hue.rank - 1)
