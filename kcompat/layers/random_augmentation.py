"""Image augmentation: layers that change images in training and pass them on in inference.

That they do was measured with Keras 3.15.1, also for values outside `value_range`. AutoContrast and
ContrastLimitedAdaptiveHistogramEqualization change images in inference too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from ..config import (
    Bool,
    DataFormat,
    Field,
    Float,
    Int,
    Kind,
    PositiveInt,
    Str,
    ints,
    one_of,
    optional,
    registered,
    within,
)
from ..errors import ArgumentError, ShapeError
from ..initializers import SeedKind
from ..ir import Value
from ..ir.types import shape_text
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank


def _range(low: float, high: float) -> Kind:
    """A pair of numbers in order; one number f stands for (max(-|f|, low), |f|)."""
    number = within(low, high)

    def parse(value: Any, owner: Any) -> tuple[float, float]:
        if isinstance(value, (list, tuple)):
            lower, upper = sorted(number.parse(item, owner) for item in value)
            return lower, upper
        size = abs(number.parse(value, owner))
        return max(-size, low), size

    return Kind(f"a number or a pair of numbers in [{low:g}, {high:g}]", parse)


def _amount(low: float, high: float) -> Kind:
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


ValueRange = Kind("a pair of numbers", _parse_bounds)
_FillMode = one_of("reflect", "wrap", "constant", "nearest")
_Interpolation = one_of("nearest", "bilinear")
_Unit = within(0, 1)


class RandomLayer(Layer):
    """Images (batch, height, width, channels) or one image; in inference unchanged, in floating point."""

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, 3, 4)
        if b.training:
            raise ArgumentError(
                f"{self}: random changes of images are not supported in training; augment the data before it"
            )
        return b.floating(x)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """Of Keras 2 also, whose kind of random generator, `rng_type`, Keras 3 does not have."""
        return super().from_config({key: value for key, value in config.items() if key != "rng_type"})


class Augmentation(RandomLayer):
    """A RandomLayer with the options of all of Keras 3's."""

    data_format = Field(DataFormat, None, keyword=True)
    bounding_box_format = Field(optional(Str), None, keyword=True, optional_key=True)


@registered("keras.layers")
class RandomFlip(Augmentation):
    """Source: keras.layers.RandomFlip."""

    positional = ("mode", "seed", "data_format")

    seed = Field(SeedKind, None)
    mode = Field(one_of("horizontal_and_vertical", "horizontal", "vertical"), "horizontal_and_vertical")


@registered("keras.layers")
class RandomRotation(Augmentation):
    """Source: keras.layers.RandomRotation."""

    positional = ("factor", "fill_mode", "interpolation", "seed", "fill_value", "data_format")

    factor = Field(_range(-1, 1))
    fill_mode = Field(_FillMode, "reflect")
    fill_value = Field(Float, 0.0)
    interpolation = Field(_Interpolation, "bilinear")
    seed = Field(SeedKind, None)


class _HeightAndWidth(Augmentation):
    """Scales or moves images, by a factor for each axis."""

    positional = (
        *("height_factor", "width_factor", "fill_mode", "interpolation"),
        *("seed", "fill_value", "data_format"),
    )

    height_factor = Field(_amount(-1, 1))
    width_factor = Field(_amount(-1, 1))
    fill_mode = Field(_FillMode, "reflect")
    interpolation = Field(_Interpolation, "bilinear")
    seed = Field(SeedKind, None)
    fill_value = Field(Float, 0.0)


@registered("keras.layers")
class RandomZoom(_HeightAndWidth):
    """Source: keras.layers.RandomZoom."""

    width_factor = Field(optional(_amount(-1, 1)), None)


@registered("keras.layers")
class RandomTranslation(_HeightAndWidth):
    """Source: keras.layers.RandomTranslation."""


@registered("keras.layers")
class RandomShear(Augmentation):
    """Source: keras.layers.RandomShear."""

    positional = ("x_factor", "y_factor", "interpolation", "fill_mode", "fill_value", "data_format", "seed")

    x_factor = Field(_range(-1, 1), 0.0)
    y_factor = Field(_range(-1, 1), 0.0)
    fill_mode = Field(_FillMode, "reflect")
    interpolation = Field(_Interpolation, "bilinear")
    seed = Field(SeedKind, None)
    fill_value = Field(Float, 0.0)


@registered("keras.layers")
class RandomPerspective(Augmentation):
    """Source: keras.layers.RandomPerspective."""

    positional = ("factor", "scale", "interpolation", "fill_value", "seed", "data_format")

    factor = Field(_range(0, 1), 1.0)
    scale = Field(_Unit, 1.0)
    interpolation = Field(_Interpolation, "bilinear")
    fill_value = Field(Float, 0.0)
    seed = Field(SeedKind, None)


@registered("keras.layers")
class RandomElasticTransform(Augmentation):
    """Source: keras.layers.RandomElasticTransform."""

    positional = (
        *("factor", "scale", "interpolation", "fill_mode"),
        *("fill_value", "value_range", "seed", "data_format"),
    )

    factor = Field(_range(0, 1), 1.0)
    scale = Field(_range(0, 1), 1.0)
    interpolation = Field(_Interpolation, "bilinear")
    fill_mode = Field(_FillMode, "reflect")
    fill_value = Field(Float, 0.0)
    value_range = Field(ValueRange, (0, 255))
    seed = Field(SeedKind, None)


@registered("keras.layers")
class RandomCrop(Augmentation):
    """Images of height x width, which in inference they must have already.

    Others are cropped and resized by Keras 2 and passed on unchanged by Keras 3, against its own
    output shape; ShapeError here. Source: keras.layers.RandomCrop.
    """

    positional = ("height", "width", "seed", "data_format")

    height = Field(PositiveInt)
    width = Field(PositiveInt)
    seed = Field(SeedKind, None)

    def emit(self, b: Emitter, x: Value) -> Value:
        x = super().emit(b, x)
        sizes = x.shape[-2:] if self.data_format == "channels_first" else x.shape[-3:-1]
        if sizes != (self.height, self.width):
            raise ShapeError(
                f"{self}: Keras releases disagree on images of another size than height={self.height}, "
                f"width={self.width} in inference, received shape {shape_text(x.shape)}; crop or resize before"
            )
        return x


@registered("keras.layers")
class RandomErasing(Augmentation):
    """Source: keras.layers.RandomErasing."""

    positional = ("factor", "scale", "fill_value", "value_range", "seed", "data_format")

    factor = Field(_range(0, 1), 1.0)
    scale = Field(_range(0, 1), (0.02, 0.33))
    fill_value = Field(optional(Float), None)
    value_range = Field(ValueRange, (0, 255))
    seed = Field(SeedKind, None)


class _Color(Augmentation):
    """Changes colors by a factor."""

    positional: ClassVar[Sequence[str]] = ("factor", "value_range", "data_format", "seed")

    factor = Field(_range(-1, 1))
    value_range = Field(ValueRange, (0, 255))
    seed = Field(SeedKind, None)


@registered("keras.layers")
class RandomBrightness(_Color):
    """Source: keras.layers.RandomBrightness."""

    positional = ("factor", "value_range", "seed")


@registered("keras.layers")
class RandomContrast(_Color):
    """Source: keras.layers.RandomContrast."""

    positional = ("factor", "value_range", "seed")

    factor = Field(_range(0, 1))


@registered("keras.layers")
class RandomHue(_Color):
    """Source: keras.layers.RandomHue."""

    factor = Field(_range(0, 1))


@registered("keras.layers")
class RandomSaturation(_Color):
    """Source: keras.layers.RandomSaturation."""


@registered("keras.layers")
class RandomSharpness(_Color):
    """Source: keras.layers.RandomSharpness."""

    factor = Field(_range(0, 1))


@registered("keras.layers")
class RandomColorDegeneration(_Color):
    """Source: keras.layers.RandomColorDegeneration."""


@registered("keras.layers")
class RandomPosterization(_Color):
    """Source: keras.layers.RandomPosterization."""

    factor = Field(_range(1, 8))


@registered("keras.layers")
class RandomInvert(_Color):
    """Source: keras.layers.RandomInvert."""

    positional = ("factor", "value_range", "seed", "data_format")

    factor = Field(_range(0, 1), 1.0)


@registered("keras.layers")
class RandomGrayscale(Augmentation):
    """Source: keras.layers.RandomGrayscale."""

    positional = ("factor", "data_format", "seed")

    factor = Field(_Unit, 0.5)
    seed = Field(SeedKind, None, optional_key=True)


@registered("keras.layers")
class RandomGaussianBlur(Augmentation):
    """Source: keras.layers.RandomGaussianBlur."""

    positional = ("factor", "kernel_size", "sigma", "value_range", "data_format", "seed")

    factor = Field(_range(0, 1), 1.0)
    kernel_size = Field(ints(2), 3)
    sigma = Field(_range(0, 1), 1.0)
    value_range = Field(ValueRange, (0, 255))
    seed = Field(SeedKind, None)


@registered("keras.layers")
class RandomColorJitter(Augmentation):
    """Source: keras.layers.RandomColorJitter."""

    positional = (
        *("value_range", "brightness_factor", "contrast_factor", "saturation_factor"),
        *("hue_factor", "seed", "data_format"),
    )

    value_range = Field(ValueRange, (0, 255))
    brightness_factor = Field(optional(_amount(-1, 1)), None)
    contrast_factor = Field(optional(_amount(0, 1)), None)
    saturation_factor = Field(optional(_amount(-1, 1)), None)
    hue_factor = Field(optional(_amount(0, 1)), None)
    seed = Field(SeedKind, None)


@registered("keras.layers")
class Solarization(Augmentation):
    """Source: keras.layers.Solarization."""

    positional = ("addition_factor", "threshold_factor", "value_range", "seed")

    value_range = Field(ValueRange, (0, 255))
    addition_factor = Field(_range(0, 1), 0.0)
    threshold_factor = Field(_range(0, 1), 0.0)
    seed = Field(SeedKind, None)


@registered("keras.layers")
class RandAugment(Augmentation):
    """Source: keras.layers.RandAugment."""

    positional = ("value_range", "num_ops", "factor", "interpolation", "seed", "data_format")

    value_range = Field(ValueRange, (0, 255))
    num_ops = Field(PositiveInt, 2)
    factor = Field(_range(0, 1), 0.5)
    interpolation = Field(_Interpolation, "bilinear")
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
    factor = Field(_range(0, 1), 0.3)
    alpha = Field(within(0), 1.0)
    all_ops = Field(Bool, True)
    interpolation = Field(_Interpolation, "bilinear")
    seed = Field(SeedKind, None)


@registered("keras.layers")
class MixUp(Augmentation):
    """Source: keras.layers.MixUp."""

    positional = ("alpha", "data_format", "seed")

    alpha = Field(within(0), 0.2)
    seed = Field(SeedKind, None)


@registered("keras.layers")
class CutMix(Augmentation):
    """Source: keras.layers.CutMix."""

    positional = ("factor", "seed", "data_format")

    factor = Field(_range(0, 1), 1.0)
    seed = Field(SeedKind, None)


@registered("keras.layers")
class MaxNumBoundingBoxes(Augmentation):
    """Cuts and fills lists of bounding boxes; images alone pass. Source: keras.layers.MaxNumBoundingBoxes."""

    max_number = Field(PositiveInt)
    fill_value = Field(Int, -1, optional_key=True)


class _RandomSize(RandomLayer):
    """Images resized along one axis in training."""

    factor = Field(_amount(-1, float("inf")))
    interpolation = Field(Str, "bilinear")
    seed = Field(SeedKind, None)


@registered("keras.layers")
class RandomHeight(_RandomSize):
    """Source: keras._legacy.layers.RandomHeight."""


@registered("keras.layers")
class RandomWidth(_RandomSize):
    """Source: keras._legacy.layers.RandomWidth."""
