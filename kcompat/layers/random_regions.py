"""Image augmentation that covers, mixes and blurs images."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import Field, Float, ints, optional, registered, within
from ..initializers import SeedKind
from ..ir import Value
from .emitter import Emitter
from .random_augmentation import Augmentation, ValueRange, number_range

_TRIALS = 16
"""So often a beta distribution is tried: with alpha up to one, half of the trials succeed."""


class _Chosen(Augmentation):
    """Changes some of the images: each with a probability drawn from `factor`."""

    factor: Any

    def chosen(self, b: Emitter, images: Value) -> Value:
        """Which images are changed, (batch, 1, 1, 1)."""
        return b.less(self.uniform(b, images), self.uniform(b, images, *self.factor))


class _Boxed(Augmentation):
    """Draws a box in each image."""

    def box(self, b: Emitter, images: Value, width: Value, height: Value) -> tuple[Value, Value]:
        """Which pixels lie in a box (batch, height, width, 1) of these shares of the sizes, and the box's share."""
        inside, lengths = [], []
        for axis, share in ((2, width), (1, height)):
            size = b.cast(b.size(images, axis=axis), dtype=images.dtype)
            length = b.mul(share, size)
            start = b.mul(self.uniform(b, images), b.sub(size, length))
            places = _places(b, images, axis)
            inside += [b.greater_equal(places, start), b.less(places, b.add(start, length))]
            lengths.append(b.div(length, size))
        mask = inside[0]
        for condition in inside[1:]:
            mask = b.logical_and(mask, condition)
        return mask, b.mul(*lengths)


def _places(b: Emitter, images: Value, axis: int) -> Value:
    """The numbers of the rows or columns of images, along their axis."""
    others = tuple(other for other in range(4) if other != axis)
    line = b.slice(images, starts=(0, 0, 0), stops=(1, 1, 1), steps=(1, 1, 1), axes=others)
    ones = b.cast(b.equal(b.mul(line, 0.0), 0.0), dtype=images.dtype)
    return b.sub(b.cumsum(ones, axis=axis), 1.0)


@registered("keras.layers")
class RandomErasing(_Chosen, _Boxed):
    """A box in some of the images, filled with noise or a number. Source: keras.layers.RandomErasing."""

    positional = ("factor", "scale", "fill_value", "value_range", "seed", "data_format")

    factor = Field(number_range(0, 1), 1.0)
    scale = Field(number_range(0, 1), (0.02, 0.33))
    fill_value = Field(optional(Float), None)
    value_range = Field(ValueRange, (0, 255))
    seed = Field(SeedKind, None)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        width, height = (b.sqrt(self.uniform(b, images, *self.scale)) for _ in range(2))
        masks, _ = self.box(b, images, width, height)
        if self.fill_value is None:
            fill = b.mul(self.stream.normal(b, images), float(self.value_range[1]))
        else:
            fill = b.constant(self.fill_value, images.dtype)
        return {"masks": masks, "fill": fill, "chosen": self.chosen(b, images)}

    def transform(self, b: Emitter, images: Value, *, masks: Value, fill: Value, chosen: Value) -> Value:
        return b.where(b.logical_and(masks, chosen), fill, images)


@registered("keras.layers")
class RandomGaussianBlur(_Chosen):
    """Some of the images, blurred by one kernel. Source: keras.layers.RandomGaussianBlur."""

    positional = ("factor", "kernel_size", "sigma", "value_range", "data_format", "seed")

    factor = Field(number_range(0, 1), 1.0)
    kernel_size = Field(ints(2), 3)
    sigma = Field(number_range(0, 1), 1.0)
    value_range = Field(ValueRange, (0, 255))
    seed = Field(SeedKind, None)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        low, high = self.sigma
        like = b.constant(np.zeros(2, np.float32))
        sigma = b.add(b.mul(self.stream.uniform(b, like), high - low), low + 1e-6)
        return {"chosen": self.chosen(b, images), "sigma": sigma}

    def transform(self, b: Emitter, images: Value, *, chosen: Value, sigma: Value) -> Value:
        channels = int(images.shape[-1])
        across, down = (self._weights(b, sigma, axis) for axis in (0, 1))
        kernel = b.mul(b.reshape(down, shape=(-1, 1)), b.reshape(across, shape=(1, -1)))
        sizes = self.kernel_size
        kernel = b.broadcast_to(b.reshape(kernel, shape=(*sizes, 1, 1)), shape=(*sizes, 1, channels))
        options = {"strides": (1, 1), "dilations": (1, 1), "groups": channels, "layout": "channels_last"}
        blurred = b.conv(images, kernel, pads="same", **options)
        low, high = self.value_range
        return b.clip(b.where(chosen, blurred, images), low=low, high=high)

    def _weights(self, b: Emitter, sigma: Value, axis: int) -> Value:
        """The kernel along an axis, whose deviation is one of the two drawn."""
        size = self.kernel_size[axis]
        places = (np.arange(size) - (size - 1) / 2).astype(np.float32)
        deviation = b.slice(sigma, starts=(axis,), stops=(axis + 1,), steps=(1,), axes=(0,))
        weights = b.exp(b.mul(b.square(b.div(b.constant(places), deviation)), -0.5))
        return b.div(weights, b.reduce_sum(weights, axes=(0,), keepdims=True))


class _Mixing(Augmentation):
    """Mixes each image, and its label, with another one of the batch."""

    def order(self, b: Emitter, images: Value) -> Value:
        """For each image the number of the one that it is mixed with."""
        return b.argsort(b.reshape(self.uniform(b, images), shape=(-1,)))

    def transform_labels(self, b: Emitter, labels: Value, *, order: Value, weights: Value, **drawn: Value) -> Value:
        """Labels (batch, classes), mixed as the images."""
        share = b.reshape(weights, shape=(-1, 1))
        labels = b.floating(labels)
        return b.add(b.mul(share, labels), b.mul(b.sub(1.0, share), b.gather(labels, order, axis=0)))


@registered("keras.layers")
class MixUp(_Mixing):
    """Weighted means of images and labels with others of the batch. Source: keras.layers.MixUp."""

    positional = ("alpha", "data_format", "seed")

    alpha = Field(within(0), 0.2)
    seed = Field(SeedKind, None)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        places = b.float_to_int(b.mul(self.uniform(b, images), float(_QUANTILES)), dtype="int32")
        weights = b.gather(b.constant(_beta_quantiles(self.alpha)), places, axis=0)
        return {"order": self.order(b, images), "weights": weights}

    def transform(self, b: Emitter, images: Value, *, order: Value, weights: Value) -> Value:
        others = b.gather(images, order, axis=0)
        return b.add(b.mul(weights, images), b.mul(b.sub(1.0, weights), others))


@registered("keras.layers")
class CutMix(_Mixing, _Boxed):
    """A box of each image from another one of the batch; labels by the box's share. Source: keras.layers.CutMix."""

    positional = ("factor", "seed", "data_format")

    factor = Field(number_range(0, 1), 1.0)
    seed = Field(SeedKind, None)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        low, high = self.factor
        alpha = b.add(b.mul(self.stream.uniform(b, b.constant(np.zeros((), np.float32))), high - low), low + 1e-6)
        side = b.sqrt(b.sub(1.0, self._beta(b, images, alpha)))
        masks, share = self.box(b, images, side, side)
        return {"order": self.order(b, images), "masks": masks, "weights": b.sub(1.0, share)}

    def _beta(self, b: Emitter, images: Value, alpha: Value) -> Value:
        """A number of a beta distribution for each image, alpha at most about one, by trials (Joehnk 1964)."""
        result = None
        for _ in range(_TRIALS):
            x, y = (b.div(b.log(b.maximum(self.uniform(b, images), 2.0**-25)), alpha) for _ in range(2))
            fits = b.less_equal(b.add(b.exp(x), b.exp(y)), 1.0)
            tried = b.sigmoid(b.sub(x, y))
            result = tried if result is None else b.where(fits, tried, result)
        assert result is not None
        return result

    def transform(self, b: Emitter, images: Value, *, order: Value, masks: Value, weights: Value) -> Value:
        return b.where(masks, b.gather(images, order, axis=0), images)


_QUANTILES = 1 << 14


def _beta_quantiles(alpha: float) -> np.ndarray:
    """The middles of so many equally likely parts of the beta distribution with both parameters alpha, float32.

    The integral is taken over x ** alpha, in which the density is bounded at zero.
    """
    if alpha == 0:
        return np.repeat(np.array([0, 1], np.float32), _QUANTILES // 2)
    power = np.linspace(0, 0.5**alpha, 1 << 15)
    x = power ** (1 / alpha)
    density = (1 - x) ** (alpha - 1)
    mass = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    wanted = (np.arange(_QUANTILES // 2) + 0.5) / _QUANTILES
    half = np.interp(wanted, mass / mass[-1] / 2, power) ** (1 / alpha)
    return np.concatenate([half, 1 - half[::-1]]).astype(np.float32)
