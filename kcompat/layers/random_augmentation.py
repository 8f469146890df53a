"""Image augmentation: layers that change images in training and pass them on in inference.

That they pass them on was measured with Keras 3.15.1, also for values outside `value_range`. AutoContrast and
ContrastLimitedAdaptiveHistogramEqualization change images in inference too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import (
    Bool,
    DataFormat,
    Field,
    Float,
    Int,
    Kind,
    PositiveInt,
    Str,
    one_of,
    optional,
    registered,
    within,
)
from ..errors import ArgumentError
from ..initializers import SeedKind
from ..ir import Value
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank


def number_range(low: float, high: float) -> Kind:
    """A pair of numbers in order; one number f stands for (max(-|f|, low), |f|)."""
    number = within(low, high)

    def parse(value: Any, owner: Any) -> tuple[float, float]:
        if isinstance(value, (list, tuple)):
            lower, upper = sorted(number.parse(item, owner) for item in value)
            return lower, upper
        size = abs(number.parse(value, owner))
        return max(-size, low), size

    return Kind(f"a number or a pair of numbers in [{low:g}, {high:g}]", parse)


def amount(low: float, high: float) -> Kind:
    """A number or a pair of numbers, kept as given."""
    number = within(low, high)

    def parse(value: Any, owner: Any) -> Any:
        if isinstance(value, (list, tuple)):
            first, second = (number.parse(item, owner) for item in value)
            return first, second
        return number.parse(value, owner)

    return Kind(f"a number or a pair of numbers in [{low:g}, {high:g}]", parse)


def _parse_bounds(value: Any, owner: Any) -> tuple[float, float]:
    lower, upper = sorted(Float.parse(item, owner) for item in value)
    return lower, upper


def _parse_count(value: Any, owner: Any) -> int:
    if Int.parse(value, owner) < 0:
        raise ValueError
    return int(value)


ValueRange = Kind("a pair of numbers", _parse_bounds)
FillMode = one_of("reflect", "wrap", "constant", "nearest")
Interpolation = one_of("nearest", "bilinear")
Unit = within(0, 1)


class RandomLayer(Layer):
    """Images (batch, height, width, channels) or one image; in inference unchanged, in floating point.

    In training `draw` gives what chance decides, and `transform` what images become by it. In inference also a dict
    with such "images" and what belongs to them, "labels" and "segmentation_masks", likewise unchanged.
    """

    def emit(self, b: Emitter, x: Any) -> Any:
        sample = x if isinstance(x, dict) else {"images": x}
        images = self._images(b, sample)
        require_rank(self, images, 3, 4)
        sample = {**sample, "images": b.floating(images)}
        if b.training:
            sample = self._batched(b, sample)
        return sample if isinstance(x, dict) else sample["images"]

    def _batched(self, b: Emitter, sample: dict[str, Value]) -> dict[str, Value]:
        """The images of a batch or a single one, changed, whatever their layout; and their labels."""
        x = sample["images"]
        images = b.expand_dims(x, axes=(0,)) if x.rank == 3 else x
        first = getattr(self, "data_format", None) == "channels_first"
        if first:
            images = b.transpose(images, perm=(0, 2, 3, 1))
        drawn = self.draw(b, images)
        images = self.transform(b, images, **drawn)
        if first:
            images = b.transpose(images, perm=(0, 3, 1, 2))
        sample = {**sample, "images": b.squeeze(images, axes=(0,)) if x.rank == 3 else images}
        if "labels" in sample:
            sample["labels"] = self.transform_labels(b, sample["labels"], **drawn)
        return sample

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        """Random numbers for images (batch, height, width, channels), by the names that `transform` has for them."""
        raise ArgumentError(f"{self}: its changes of images are not supported in training; augment the data before it")

    def transform(self, b: Emitter, images: Value, *args: Any, **drawn: Any) -> Value:
        """What images (batch, height, width, channels) become by what was drawn."""
        raise NotImplementedError(f"{type(self).__name__} does not define transform(b, images)")

    def transform_labels(self, b: Emitter, labels: Value, *args: Any, **drawn: Any) -> Value:
        """What the labels of images become by what was drawn."""
        return labels

    def uniform(self, b: Emitter, images: Value, low: float = 0.0, high: float = 1.0) -> Value:
        """A number in [low, high) for each image, (batch, 1, 1, 1)."""
        return b.add(b.mul(self.stream.uniform(b, images, (-1, 1, 1, 1)), high - low), low)

    def _images(self, b: Emitter, sample: dict[str, Any]) -> Any:
        if b.training and "segmentation_masks" in sample:
            raise ArgumentError(f"{self}: segmentation masks are not supported in training; augment them before it")
        unknown = sorted(set(sample) - {"images", "labels", "segmentation_masks"})
        if unknown or "images" not in sample:
            raise ArgumentError(
                f"{self}: a dict of inputs must have 'images' and may have 'labels' and 'segmentation_masks', "
                f"received {', '.join(map(repr, sample))}"
            )
        return sample["images"]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Of Keras 2 also, whose kind of random generator, `rng_type`, Keras 3 does not have."""
        return super().from_config({key: value for key, value in config.items() if key != "rng_type"})


class Augmentation(RandomLayer):
    """A RandomLayer with the options of all of Keras 3's."""

    data_format = Field(DataFormat, None, keyword=True)
    bounding_box_format = Field(optional(Str), None, keyword=True, optional_key=True)


@registered("keras.layers")
class RandomElasticTransform(Augmentation):
    """Source: keras.layers.RandomElasticTransform."""

    positional = (
        *("factor", "scale", "interpolation", "fill_mode"),
        *("fill_value", "value_range", "seed", "data_format"),
    )

    factor = Field(number_range(0, 1), 1.0)
    scale = Field(number_range(0, 1), 1.0)
    interpolation = Field(Interpolation, "bilinear")
    fill_mode = Field(FillMode, "reflect")
    fill_value = Field(Float, 0.0)
    value_range = Field(ValueRange, (0, 255))
    seed = Field(SeedKind, None)


@registered("keras.layers")
class RandAugment(Augmentation):
    """Source: keras.layers.RandAugment."""

    positional = ("value_range", "num_ops", "factor", "interpolation", "seed", "data_format")

    value_range = Field(ValueRange, (0, 255))
    num_ops = Field(Kind("an integer of 0 or more", _parse_count), 2)
    factor = Field(number_range(0, 1), 0.5)
    interpolation = Field(Interpolation, "bilinear")
    seed = Field(SeedKind, None)


@registered("keras.layers")
class AugMix(Augmentation):
    """Source: keras.layers.AugMix."""

    positional = (
        *("value_range", "num_chains", "chain_depth", "factor", "alpha"),
        *("all_ops", "interpolation", "seed", "data_format"),
    )

    value_range = Field(ValueRange, (0, 255))
    num_chains = Field(PositiveInt, 3)
    chain_depth = Field(Int, 3)
    factor = Field(number_range(0, 1), 0.3)
    alpha = Field(within(0), 1.0)
    all_ops = Field(Bool, True)
    interpolation = Field(Interpolation, "bilinear")
    seed = Field(SeedKind, None)


@registered("keras.layers")
class MaxNumBoundingBoxes(Augmentation):
    """Cuts and fills lists of bounding boxes; images alone pass. Source: keras.layers.MaxNumBoundingBoxes."""

    max_number = Field(PositiveInt)
    fill_value = Field(Int, -1, optional_key=True)


class _RandomSize(RandomLayer):
    """Images resized along one axis in training."""

    factor = Field(amount(-1, float("inf")))
    interpolation = Field(Str, "bilinear")
    seed = Field(SeedKind, None)


@registered("keras.layers")
class RandomHeight(_RandomSize):
    """Source: keras._legacy.layers.RandomHeight."""


@registered("keras.layers")
class RandomWidth(_RandomSize):
    """Source: keras._legacy.layers.RandomWidth."""
