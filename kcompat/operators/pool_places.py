"""Max pooling that also says where each largest element was."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.operator import Bool, Ints, Pads, operator
from ..ir.types import TensorType
from .gradients import Gradients
from .pool import max_pool
from .window import Pairs, pad_spatial, taps, to_channels_last


def _types(x: TensorType, *, column_major: bool, **options: object) -> tuple[TensorType, TensorType]:
    pooled = max_pool.infer(x, layout="channels_first", **options)
    assert isinstance(pooled, TensorType)
    return pooled, pooled.with_dtype("int64")


def _places(
    x: np.ndarray,
    *,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    pads: Pairs,
    dilations: tuple[int, ...],
    column_major: bool,
) -> tuple[np.ndarray, np.ndarray]:
    spatial = x.shape[2:]
    counted = np.arange(np.prod(spatial), dtype=np.int64)
    place = counted.reshape(spatial[::-1]).T if column_major else counted.reshape(spatial)
    image = np.arange(x.shape[0] * x.shape[1], dtype=np.int64).reshape(x.shape[:2]) * place.size
    lowest = -np.inf if x.dtype.kind == "f" else np.iinfo(x.dtype).min
    padded = pad_spatial(to_channels_last(x, "channels_first"), pads, lowest)
    outside = pad_spatial(place[None, ..., None], pads, -1)
    values = np.stack([view for _, view in taps(padded, window, strides, dilations)])
    where = np.stack([view for _, view in taps(outside, window, strides, dilations)])
    real = np.broadcast_to(where >= 0, values.shape)
    values = np.where(real, values, lowest)
    best = np.argmax((values == values.max(axis=0)) & real, axis=0)[None]
    top = np.take_along_axis(values, best, axis=0)[0]
    found = np.take_along_axis(np.broadcast_to(where, values.shape), best, axis=0)[0]
    channels_first = np.moveaxis(found, -1, 1) + image.reshape(*image.shape, *[1] * len(spatial))
    return np.moveaxis(top, -1, 1).astype(x.dtype), channels_first


def _gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, *, column_major: bool, **attrs: Any) -> Gradients:
    return [b.max_pool_gradient(gradients[0], inputs[0], layout="channels_first", **attrs)]


max_pool_places = operator(
    "max_pool_places",
    "x",
    attrs={"window": Ints, "strides": Ints, "pads": Pads, "dilations": Ints, "column_major": Bool(False)},
    infer=_types,
    meaning=_places,
    gradient=_gradient,
)
"""max_pool of x (N, C, *S), and the place of each result's first source in x, counted over all of x.

column_major counts the positions of an image with the first axis running fastest.
"""
