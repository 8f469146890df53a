"""Layers that disturb or penalise values in training and pass them on in inference."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ..config import DataFormat, Field, Kind, registered, within
from ..errors import ArgumentError, ShapeError
from ..initializers import SeedKind
from ..ir import Value
from ..ir.types import shape_text
from ..regularizers import L1L2
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank

_Rate = within(0, 1)

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _parse_noise_shape(value: Any, owner: Any) -> tuple[int | None, ...] | None:
    if value is None:
        return None
    if isinstance(value, str) or not all(size is None or (isinstance(size, int) and size > 0) for size in value):
        raise ValueError
    return tuple(value)


_NoiseShape = Kind("a sequence of positive sizes or None for the input's own", _parse_noise_shape)


class _TrainingOnly(Layer):
    """Passes its input on in inference, and changes it in training."""

    supports_masking = True

    def emit(self, b: Emitter, x: Value) -> Value:
        return self.disturb(b, b.floating(x)) if b.training else x

    def disturb(self, b: Emitter, x: Value) -> Value:
        """What training makes of x."""
        return x


def _sizes(x: Value, noise_shape: tuple[int | None, ...] | None) -> tuple[int, ...] | None:
    """The shape of a mask: -1 where it has x's own size. Raises ShapeError for another number of axes."""
    if noise_shape is None:
        return None
    if len(noise_shape) != x.rank:
        raise ShapeError(f"noise_shape={noise_shape} must have a size for each axis of {shape_text(x.shape)}")
    return tuple(-1 if size is None else size for size in noise_shape)


@registered("keras.layers")
class Dropout(_TrainingOnly):
    """In training, elements are 0 with probability `rate`, the others scaled by 1 / (1 - rate).

    noise_shape: the shape of the random mask, which broadcasts; None for the input's own sizes.
    Source: keras.layers.Dropout.
    """

    positional = ("rate", "noise_shape", "seed")

    rate = Field(_Rate, keras1="p")
    seed = Field(SeedKind, None)
    noise_shape = Field(_NoiseShape, None)

    def disturb(self, b: Emitter, x: Value) -> Value:
        return self.stream.drop(b, x, self.rate, _sizes(x, self.noise_shape))


@registered("keras.layers")
class AlphaDropout(_TrainingOnly):
    """Dropout that keeps mean and variance of selu's outputs (Klambauer et al. 2017).

    Source: keras.layers.AlphaDropout.
    """

    positional = ("rate", "noise_shape", "seed")

    rate = Field(_Rate, keras1="p")
    seed = Field(SeedKind, None)
    noise_shape = Field(_NoiseShape, None)

    def disturb(self, b: Emitter, x: Value) -> Value:
        if self.rate == 0:
            return x
        dropped = -_SELU_ALPHA * _SELU_SCALE
        scale = ((1 - self.rate) * (1 + self.rate * dropped**2)) ** -0.5
        uniform = self.stream.uniform(b, x, _sizes(x, self.noise_shape))
        kept = b.where(b.greater_equal(uniform, self.rate), x, b.constant(dropped, x.dtype))
        return b.add(b.mul(kept, scale), -scale * dropped * self.rate)


class SpatialDropout(_TrainingOnly):
    """Dropout of whole channels of an input with `rank` spatial axes."""

    rank: ClassVar[int]
    neutral = {"noise_shape": None}

    rate = Field(_Rate, keras1="p")
    seed = Field(SeedKind, None)

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, self.rank + 2)
        return super().emit(b, x)

    def disturb(self, b: Emitter, x: Value) -> Value:
        first = getattr(self, "data_format", None) == "channels_first"
        channels = 1 if first else self.rank + 1
        return self.stream.drop(b, x, self.rate, [-1 if axis in (0, channels) else 1 for axis in range(x.rank)])

    def get_config(self) -> dict[str, Any]:
        """As Keras writes it: without `trainable`, and with the dtype's name alone."""
        own = super().get_config()
        first = {"rate": own["rate"], "seed": own["seed"], "name": self.name, "dtype": self.dtype}
        return {**first, **{key: own[key] for key in self.fields if key not in first}}


@registered("keras.layers")
class SpatialDropout1D(SpatialDropout):
    """Dropout of channels of (batch, steps, channels). Source: keras.layers.SpatialDropout1D."""

    rank = 1


@registered("keras.layers")
class SpatialDropout2D(SpatialDropout):
    """Dropout of channels of (batch, height, width, channels). Source: keras.layers.SpatialDropout2D."""

    rank = 2
    positional = ("rate", "data_format", "seed")

    data_format = Field(DataFormat, None)


@registered("keras.layers")
class SpatialDropout3D(SpatialDropout):
    """Dropout of channels of (batch, depth, height, width, channels). Source: keras.layers.SpatialDropout3D."""

    rank = 3
    positional = ("rate", "data_format", "seed")

    data_format = Field(DataFormat, None)


@registered("keras.layers")
class GaussianDropout(_TrainingOnly):
    """In training, a factor with mean 1 and variance rate / (1 - rate). Source: keras.layers.GaussianDropout."""

    rate = Field(_Rate, keras1="p")
    seed = Field(SeedKind, None)

    def disturb(self, b: Emitter, x: Value) -> Value:
        if self.rate == 0:
            return x
        if self.rate == 1:
            raise ArgumentError(f"{self}: rate=1 has no finite deviation in training")
        noise = b.mul(self.stream.normal(b, x), math.sqrt(self.rate / (1 - self.rate)))
        return b.mul(x, b.add(noise, 1.0))


@registered("keras.layers")
class GaussianNoise(_TrainingOnly):
    """In training, a summand with mean 0 and deviation `stddev`. Source: keras.layers.GaussianNoise.

    Keras 3 takes deviations of at most 1, Keras 1 and 2 took any.
    """

    stddev = Field(within(0), keras1="sigma")
    seed = Field(SeedKind, None)

    def disturb(self, b: Emitter, x: Value) -> Value:
        return x if self.stddev == 0 else b.add(x, b.mul(self.stream.normal(b, x), self.stddev))


@registered("keras.layers")
class ActivityRegularization(_TrainingOnly):
    """Adds `l1 * sum(|x|) + l2 * sum(x^2)` to the loss in training. Source: keras.layers.ActivityRegularization."""

    l1 = Field(within(0), 0.0)
    l2 = Field(within(0), 0.0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.activity_regularizer = L1L2(l1=self.l1, l2=self.l2)

    def base_config(self) -> dict[str, Any]:
        """Without the regularizer, which follows from l1 and l2."""
        return {key: value for key, value in super().base_config().items() if key != "activity_regularizer"}
