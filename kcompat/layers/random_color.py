"""Image augmentation that changes colours and leaves pixels where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..config import Field, optional, registered
from ..initializers import SeedKind
from ..ir import Value
from .emitter import Emitter
from .hsv import hsv_to_rgb, rgb_to_hsv
from .operations.images import RGBToGrayscale
from .random_augmentation import Augmentation, Unit, ValueRange, amount, number_range


def rescaled(b: Emitter, x: Value, source: Sequence[float], target: Sequence[float]) -> Value:
    """Numbers of one range in another."""
    unit = b.div(b.sub(x, source[0]), source[1] - source[0])
    return b.add(b.mul(unit, target[1] - target[0]), target[0])


def grayscale(b: Emitter, images: Value) -> Value:
    return RGBToGrayscale(data_format="channels_last").emit(b, images)


class _Color(Augmentation):
    """Changes colors by a factor, which is drawn for each image."""

    positional: ClassVar[Sequence[str]] = ("factor", "value_range", "data_format", "seed")

    factor = Field(number_range(-1, 1))
    value_range = Field(ValueRange, (0, 255))
    seed = Field(SeedKind, None)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        return {"factor": self.uniform(b, images, *self.factor)}

    def clipped(self, b: Emitter, images: Value) -> Value:
        low, high = self.value_range
        return b.clip(images, low=low, high=high)


@registered("keras.layers")
class RandomBrightness(_Color):
    """Adds a share of `value_range`. Source: keras.layers.RandomBrightness."""

    positional = ("factor", "value_range", "seed")

    def transform(self, b: Emitter, images: Value, *, factor: Value) -> Value:
        low, high = self.value_range
        return self.clipped(b, b.add(images, b.mul(factor, high - low)))


@registered("keras.layers")
class RandomContrast(_Color):
    """Moves each channel's pixels away from their mean, or nearer. Source: keras.layers.RandomContrast."""

    positional = ("factor", "value_range", "seed")

    factor = Field(number_range(0, 1))

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        low, high = self.factor
        return {"factor": self.uniform(b, images, 1 - low, 1 + high)}

    def transform(self, b: Emitter, images: Value, *, factor: Value) -> Value:
        mean = b.reduce_mean(images, axes=(1, 2), keepdims=True)
        return self.clipped(b, b.add(b.mul(b.sub(images, mean), factor), mean))


@registered("keras.layers")
class RandomHue(_Color):
    """Turns hues by up to half of `factor`, either way. Source: keras.layers.RandomHue."""

    factor = Field(number_range(0, 1))

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        half = b.mul(self.uniform(b, images, *self.factor), 0.5)
        return {"turn": b.where(b.greater(self.uniform(b, images), 0.5), b.neg(half), half)}

    def transform(self, b: Emitter, images: Value, *, turn: Value) -> Value:
        hue, saturation, value = rgb_to_hsv(b, rescaled(b, images, self.value_range, (0, 1)))
        hue = b.add(hue, turn)
        hue = b.where(b.greater(hue, 1.0), b.sub(hue, 1.0), hue)
        hue = b.where(b.less(hue, 0.0), b.add(hue, 1.0), hue)
        unit = b.clip(hsv_to_rgb(b, hue, saturation, value), low=0.0, high=1.0)
        return rescaled(b, unit, (0, 1), self.value_range)


@registered("keras.layers")
class RandomSaturation(_Color):
    """Multiplies saturations by f / (1 - f), f of `factor`, as Keras does. Source: keras.layers.RandomSaturation."""

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        factor = self.uniform(b, images, *self.factor)
        return {"factor": b.div(factor, b.add(b.sub(1.0, factor), 1e-7))}

    def transform(self, b: Emitter, images: Value, *, factor: Value) -> Value:
        hue, saturation, value = rgb_to_hsv(b, images)
        return hsv_to_rgb(b, hue, self.clipped(b, b.mul(saturation, factor)), value)


@registered("keras.layers")
class RandomSharpness(_Color):
    """Between smoothed images (0), the images (0.5) and sharpened ones (1). Source: keras.layers.RandomSharpness."""

    factor = Field(number_range(0, 1))

    def transform(self, b: Emitter, images: Value, *, factor: Value) -> Value:
        channels = images.shape[-1]
        kernel = b.constant([[[[weight]] * channels for weight in row] for row in _SMOOTHING], images.dtype)
        kernel = b.transpose(kernel, perm=(0, 1, 3, 2))
        smooth = b.conv(images, kernel, strides=(1, 1), pads="same", dilations=(1, 1), groups=channels)
        return self.clipped(b, b.add(images, b.mul(b.sub(1.0, b.mul(factor, 2.0)), b.sub(smooth, images))))


_SMOOTHING = [[1 / 13] * 3, [1 / 13, 5 / 13, 1 / 13], [1 / 13] * 3]


@registered("keras.layers")
class RandomColorDegeneration(_Color):
    """Mixes images with their brightness. Source: keras.layers.RandomColorDegeneration."""

    def transform(self, b: Emitter, images: Value, *, factor: Value) -> Value:
        return self.clipped(b, b.add(images, b.mul(factor, b.sub(grayscale(b, images), images))))


@registered("keras.layers")
class RandomPosterization(_Color):
    """Keeps as many of eight bits as is drawn from `factor`, but for its last number.

    Source: keras.layers.RandomPosterization.
    """

    factor = Field(number_range(1, 8))

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        low, high = (int(number) for number in self.factor)
        return {"bits": b.floor(self.uniform(b, images, low, max(high, low + 1)))}

    def transform(self, b: Emitter, images: Value, *, bits: Value) -> Value:
        bytes_ = b.floor(rescaled(b, images, self.value_range, (0, 255)))
        step = b.pow(b.constant(2.0, images.dtype), b.sub(8.0, bits))
        return rescaled(b, b.mul(b.floor(b.div(bytes_, step)), step), (0, 255), self.value_range)


@registered("keras.layers")
class RandomInvert(_Color):
    """Some images, with a probability that is drawn from `factor`, as negatives. Source: keras.layers.RandomInvert."""

    positional = ("factor", "value_range", "seed", "data_format")

    factor = Field(number_range(0, 1), 1.0)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        return {"chosen": b.less(self.uniform(b, images), self.uniform(b, images, *self.factor))}

    def transform(self, b: Emitter, images: Value, *, chosen: Value) -> Value:
        return b.where(chosen, b.sub(self.value_range[1], images), images)


@registered("keras.layers")
class RandomGrayscale(Augmentation):
    """Some images, with probability `factor`, without colours. Source: keras.layers.RandomGrayscale."""

    positional = ("factor", "data_format", "seed")

    factor = Field(Unit, 0.5)
    seed = Field(SeedKind, None, optional_key=True)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        return {"chosen": b.less(self.uniform(b, images), self.factor)}

    def transform(self, b: Emitter, images: Value, *, chosen: Value) -> Value:
        return b.where(chosen, grayscale(b, images), images)


@registered("keras.layers")
class RandomColorJitter(Augmentation):
    """Brightness, contrast, saturation and hue, one after another. Source: keras.layers.RandomColorJitter."""

    positional = (
        *("value_range", "brightness_factor", "contrast_factor", "saturation_factor"),
        *("hue_factor", "seed", "data_format"),
    )

    value_range = Field(ValueRange, (0, 255))
    brightness_factor = Field(optional(amount(-1, 1)), None)
    contrast_factor = Field(optional(amount(0, 1)), None)
    saturation_factor = Field(optional(amount(-1, 1)), None)
    hue_factor = Field(optional(amount(0, 1)), None)
    seed = Field(SeedKind, None)

    def build(self, input_shape: Any) -> None:
        given = (
            (RandomBrightness, self.brightness_factor),
            (RandomContrast, self.contrast_factor),
            (RandomSaturation, self.saturation_factor),
            (RandomHue, self.hue_factor),
        )
        self._steps = [
            made(factor=factor, value_range=self.value_range, dtype=self.dtype_policy)
            for made, factor in given
            if factor is not None
        ]

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        return {}

    def transform(self, b: Emitter, images: Value) -> Value:
        for step in self._steps:
            step._random_stream = self.stream
            images = step.transform(b, images, **step.draw(b, images))
        return images


@registered("keras.layers")
class Solarization(Augmentation):
    """Adds to all pixels, then inverts those above a threshold; both are drawn. Source: keras.layers.Solarization."""

    positional = ("addition_factor", "threshold_factor", "value_range", "seed")

    value_range = Field(ValueRange, (0, 255))
    addition_factor = Field(number_range(0, 1), 0.0)
    threshold_factor = Field(number_range(0, 1), 0.0)
    seed = Field(SeedKind, None)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        (low, high), (least, most) = self.addition_factor, self.threshold_factor
        additions = self.uniform(b, images, low, high * 255)
        return {"additions": additions, "thresholds": self.uniform(b, images, least, most * 255)}

    def transform(self, b: Emitter, images: Value, *, additions: Value, thresholds: Value) -> Value:
        brighter = b.clip(b.add(rescaled(b, images, self.value_range, (0, 255)), additions), low=0.0, high=255.0)
        result = b.where(b.less(brighter, thresholds), brighter, b.sub(255.0, brighter))
        return rescaled(b, result, (0, 255), self.value_range)
