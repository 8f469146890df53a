"""Normalization."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..config import Bool, Field, IntOrInts, Kind, Numbers, optional, registered
from ..errors import ArgumentError, ShapeError
from ..ir import Value
from ..ir.types import normalize_axes
from .base import Layer
from .emitter import Emitter

_EPSILON = 1e-7


def _parse_axis(value: Any, owner: Any) -> tuple[int, ...]:
    axis = IntOrInts.parse(() if value is None else value, owner)
    return (axis,) if isinstance(axis, int) else axis


@registered("keras.layers")
class Normalization(Layer):
    """(x - mean) / max(sqrt(variance), 1e-7), or back if `invert`.

    axis: the axes along which there is a mean and a variance each, None for one of all; their sizes
    must be known. mean, variance: numbers, or nested lists that broadcast to the sizes of `axis`;
    without them they are weights, set by `adapt` or loaded. Input of any numeric dtype. drops_mask
    (Keras 2): the output has no mask. Source: keras.layers.Normalization.
    """

    supports_masking = True
    positional = ("axis", "mean", "variance", "invert")

    axis = Field(Kind("an axis, a sequence of axes, or None", _parse_axis), -1)
    invert = Field(Bool, False)
    mean = Field(optional(Numbers), None)
    variance = Field(optional(Numbers), None)
    drops_mask = Field(Bool, False, extension=True, keyword=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if np.shape(self.mean) != np.shape(self.variance) or (self.mean is None) != (self.variance is None):
            raise ArgumentError(
                f"{self}: mean and variance must be given together and have one shape, "
                f"received mean={self.mean}, variance={self.variance}"
            )
        if np.ndim(self.mean) > len(self.axis):
            raise ArgumentError(f"{self}: mean={self.mean} has more axes than axis={self.axis}")

    @property
    def is_given(self) -> bool:
        """Whether mean and variance are part of the config."""
        return self.mean is not None

    def build(self, input_shape: Any) -> None:
        shape = tuple(input_shape[axis] for axis in self.kept_axes(len(input_shape)))
        if self.is_given:
            return
        self.adapted_mean = self.add_weight(shape, "zeros", name="mean", trainable=False)
        self.adapted_variance = self.add_weight(shape, "ones", name="variance", trainable=False)
        self.count = self.add_weight((), "zeros", name="count", trainable=False, dtype="int32")

    def kept_axes(self, rank: int) -> tuple[int, ...]:
        """`axis`, not negative and in ascending order."""
        return tuple(sorted(normalize_axes(self.axis, rank, f"{self}: axis")))

    def adapt(self, data: Any) -> None:
        """Set mean and variance to those of an array, or of all batches of an iterable of arrays.

        Raises ShapeError for data that do not fit the layer.
        """
        if self.is_given:
            raise ArgumentError(f"{self}: adapt() has no effect, mean and variance are given")
        batches = [data] if isinstance(data, np.ndarray) else data
        mean, variance = self._statistics(batches)
        self.adapted_mean.assign(mean)
        self.adapted_variance.assign(variance)

    def _statistics(self, batches: Iterable[Any]) -> tuple[Any, Any]:
        """Mean and variance over all batches, merged one by one (Chan et al. 1979)."""
        count, mean, variance = 0, np.float64(0), np.float64(0)
        for batch in batches:
            array = np.asarray(batch, np.float64)
            self.build_once(array.shape)
            kept = self.kept_axes(array.ndim)
            if tuple(array.shape[axis] for axis in kept) != self.adapted_mean.shape:
                raise ShapeError(
                    f"{self}: adapt() needs sizes {self.adapted_mean.shape} along axis={self.axis}, "
                    f"received shape {array.shape}"
                )
            rest = tuple(axis for axis in range(array.ndim) if axis not in kept)
            share = (size := array.size // max(self.adapted_mean.size, 1)) / max(count := count + size, 1)
            step = array.mean(axis=rest) - mean
            variance = (1 - share) * variance + share * array.var(axis=rest) + share * (1 - share) * step**2
            mean = mean + share * step
        if not count:
            raise ArgumentError(f"{self}: adapt() received no data")
        return mean, variance

    def emit(self, b: Emitter, x: Value) -> Value:
        mean, deviation = self._moments(b, x)
        x = b.floating(x)
        return b.add(mean, b.mul(x, deviation)) if self.invert else b.div(b.sub(x, mean), deviation)

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        return None if self.drops_mask else mask

    def _moments(self, b: Emitter, x: Value) -> tuple[Value, Value]:
        """Mean and standard deviation, of x's rank."""
        kept = self.kept_axes(x.rank)
        if self.is_given:
            mean, variance = (self._given(b, value, kept, x.rank) for value in (self.mean, self.variance))
        else:
            sizes = dict(zip(kept, self.adapted_mean.shape, strict=True))
            shape = [sizes.get(axis, 1) for axis in range(x.rank)]
            mean, variance = (b.reshape(w, shape=shape) for w in (self.adapted_mean, self.adapted_variance))
        return mean, b.maximum(b.sqrt(variance), _EPSILON)

    def _given(self, b: Emitter, value: Any, kept: tuple[int, ...], rank: int) -> Value:
        array = np.asarray(value)
        sizes = dict(zip(kept[len(kept) - array.ndim :], array.shape, strict=True))
        return b.constant(array.reshape([sizes.get(axis, 1) for axis in range(rank)]), self.compute_dtype)
