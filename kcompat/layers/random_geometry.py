"""Image augmentation that moves pixels: flips, crops and affine maps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..config import Field, Float, PositiveInt, one_of, optional, registered
from ..errors import ShapeError
from ..initializers import SeedKind
from ..ir import Dim, Value
from ..ir.types import shape_text
from .center_crop import CenterCrop
from .emitter import Emitter
from .homography import quadrilateral_map
from .random_augmentation import Augmentation, FillMode, Interpolation, Unit, amount, number_range
from .resizing import Resizing


@registered("keras.layers")
class RandomFlip(Augmentation):
    """Half of the images, mirrored along all axes of `mode` together. Source: keras.layers.RandomFlip."""

    positional = ("mode", "seed", "data_format")

    seed = Field(SeedKind, None)
    mode = Field(one_of("horizontal_and_vertical", "horizontal", "vertical"), "horizontal_and_vertical")

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        return {"flips": b.less_equal(self.uniform(b, images), 0.5)}

    def transform(self, b: Emitter, images: Value, *, flips: Value) -> Value:
        axes = [axis for axis, word in ((1, "vertical"), (2, "horizontal")) if word in self.mode]
        ends, steps = (None,) * len(axes), (-1,) * len(axes)
        return b.where(flips, b.slice(images, starts=ends, stops=ends, steps=steps, axes=axes), images)


class _Affine(Augmentation):
    """Moves pixels by affine maps, drawn as six numbers for each image."""

    fill_mode: Any
    fill_value: Any
    interpolation: Any

    def mapped(self, b: Emitter, images: Value, numbers: list[Any]) -> Value:
        """Images sampled at (n0 x + n1 y + n2, n3 x + n4 y + n5), each number (batch, 1, 1, 1) or one for all.

        Two more numbers divide both by n6 x + n7 y + 1.
        """
        like = next(number for number in numbers if isinstance(number, Value))
        zero = b.mul(like, 0.0)
        columns = [b.reshape(b.add(zero, number), shape=(-1, 1)) for number in (*numbers, 0.0, 0.0)[:8]]
        return b.projective_transform(
            images,
            b.cast(b.concat(*columns, axis=1), dtype="float32"),
            interpolation=self.interpolation,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
        )


def _size(b: Emitter, images: Value, axis: int) -> Value:
    """The size of an axis in the dtype of the images."""
    return b.cast(b.size(images, axis=axis), dtype=images.dtype)


def _last(b: Emitter, images: Value, axis: int) -> Value:
    """The last place of an axis."""
    return b.sub(_size(b, images, axis), 1.0)


@registered("keras.layers")
class RandomRotation(_Affine):
    """Images turned about their centre by an angle in `factor`, in full turns. Source: keras.layers.RandomRotation."""

    positional = ("factor", "fill_mode", "interpolation", "seed", "fill_value", "data_format")

    factor = Field(number_range(-1, 1))
    fill_mode = Field(FillMode, "reflect")
    fill_value = Field(Float, 0.0)
    interpolation = Field(Interpolation, "bilinear")
    seed = Field(SeedKind, None)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        low, high = self.factor
        return {"angle": self.uniform(b, images, 360 * low, 360 * high)}

    def transform(self, b: Emitter, images: Value, *, angle: Value) -> Value:
        radians = b.mul(angle, math.pi / 180)
        x, y = (b.mul(_last(b, images, axis), 0.5) for axis in (2, 1))
        cos, sin = b.cos(radians), b.sin(radians)
        right = b.sub(x, b.sub(b.mul(x, cos), b.mul(y, sin)))
        down = b.sub(y, b.add(b.mul(x, sin), b.mul(y, cos)))
        return self.mapped(b, images, [cos, b.neg(sin), right, sin, cos, down])


@registered("keras.layers")
class RandomPerspective(_Affine):
    """Some of the images, their corners moved by up to half of `scale`. Source: keras.layers.RandomPerspective."""

    positional = ("factor", "scale", "interpolation", "fill_value", "seed", "data_format")

    factor = Field(number_range(0, 1), 1.0)
    scale = Field(Unit, 1.0)
    interpolation = Field(Interpolation, "bilinear")
    fill_value = Field(Float, 0.0)
    seed = Field(SeedKind, None)

    fill_mode = "constant"

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        moved = self.stream.uniform(b, images, (-1, 4, 2, 1))
        chosen = b.less(self.uniform(b, images), self.uniform(b, images, *self.factor))
        return {"chosen": chosen, "moves": b.mul(b.sub(moved, 0.5), self.scale)}

    def transform(self, b: Emitter, images: Value, *, chosen: Value, moves: Value) -> Value:
        sizes = _last(b, images, 2), _last(b, images, 1)
        corners = [self._corner(b, moves, corner, sizes) for corner in range(4)]
        return b.where(chosen, self.mapped(b, images, quadrilateral_map(b, corners, *sizes)), images)

    def _corner(self, b: Emitter, moves: Value, corner: int, sizes: tuple[Value, Value]) -> list[Value]:
        """Where a corner goes: x and y (batch, 1, 1, 1); corners are counted row by row."""
        ends = (corner % 2, corner // 2)
        factors = (
            b.slice(moves, starts=(corner, axis), stops=(corner + 1, axis + 1), steps=(1, 1), axes=(1, 2))
            for axis in (0, 1)
        )
        return [b.mul(b.add(f, 1.0), b.mul(s, float(end))) for f, s, end in zip(factors, sizes, ends, strict=True)]


class _HeightAndWidth(_Affine):
    """Scales or moves images, by a factor for each axis."""

    positional = (
        *("height_factor", "width_factor", "fill_mode", "interpolation"),
        *("seed", "fill_value", "data_format"),
    )

    height_factor = Field(amount(-1, 1))
    width_factor = Field(amount(-1, 1))
    fill_mode = Field(FillMode, "reflect")
    interpolation = Field(Interpolation, "bilinear")
    seed = Field(SeedKind, None)
    fill_value = Field(Float, 0.0)

    def drawn(self, b: Emitter, images: Value, factor: Any) -> Value:
        """A number for each image in [-factor, factor), or between a pair."""
        low, high = sorted(factor) if isinstance(factor, tuple) else (-abs(factor), abs(factor))
        return self.uniform(b, images, low, high)


@registered("keras.layers")
class RandomZoom(_HeightAndWidth):
    """Images scaled about their centre, by less where a factor is negative. Source: keras.layers.RandomZoom.

    width_factor: None to keep the proportions.
    """

    width_factor = Field(optional(amount(-1, 1)), None)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        height = b.add(self.drawn(b, images, self.height_factor), 1.0)
        if self.width_factor is None:
            return {"height_zoom": height, "width_zoom": height}
        return {"height_zoom": height, "width_zoom": b.add(self.drawn(b, images, self.width_factor), 1.0)}

    def transform(self, b: Emitter, images: Value, *, height_zoom: Value, width_zoom: Value) -> Value:
        right, down = (
            b.mul(b.div(_last(b, images, axis), 2.0), b.sub(1.0, zoom))
            for axis, zoom in ((2, width_zoom), (1, height_zoom))
        )
        return self.mapped(b, images, [width_zoom, 0.0, right, 0.0, height_zoom, down])


@registered("keras.layers")
class RandomTranslation(_HeightAndWidth):
    """Images moved down and right by shares of their sizes. Source: keras.layers.RandomTranslation."""

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        down = b.mul(self.drawn(b, images, self.height_factor), _size(b, images, 1))
        return {"down": down, "right": b.mul(self.drawn(b, images, self.width_factor), _size(b, images, 2))}

    def transform(self, b: Emitter, images: Value, *, down: Value, right: Value) -> Value:
        return self.mapped(b, images, [1.0, 0.0, b.neg(right), 0.0, 1.0, b.neg(down)])


@registered("keras.layers")
class RandomShear(_Affine):
    """Images slanted along both axes, to either side. Source: keras.layers.RandomShear."""

    positional = ("x_factor", "y_factor", "interpolation", "fill_mode", "fill_value", "data_format", "seed")

    x_factor = Field(number_range(-1, 1), 0.0)
    y_factor = Field(number_range(-1, 1), 0.0)
    fill_mode = Field(FillMode, "reflect")
    interpolation = Field(Interpolation, "bilinear")
    seed = Field(SeedKind, None)
    fill_value = Field(Float, 0.0)

    def draw(self, b: Emitter, images: Value) -> dict[str, Value]:
        sign = b.where(
            b.greater(self.uniform(b, images), 0.5), b.constant(-1.0, images.dtype), b.constant(1.0, images.dtype)
        )
        down, right = (b.mul(self.uniform(b, images, *factor), sign) for factor in (self.y_factor, self.x_factor))
        return {"right": right, "down": down}

    def transform(self, b: Emitter, images: Value, *, right: Value, down: Value) -> Value:
        return self.mapped(b, images, [1.0, right, 0.0, down, 1.0, 0.0])


@registered("keras.layers")
class RandomCrop(Augmentation):
    """Images of height x width: in training a part, the same of all images of a batch, at a random place.

    Images that are not larger in both axes are resized (bilinear), as Keras does it: from the first height x width
    behind the place where a central part with these proportions would begin. In inference images are as they were,
    against Keras's own output shape. fitting: what Keras 2 made of them instead, "crop_resize", before 2.7
    "resize_crop"; both give height x width. Source: keras.layers.RandomCrop.
    """

    positional = ("height", "width", "seed", "data_format")

    height = Field(PositiveInt)
    width = Field(PositiveInt)
    seed = Field(SeedKind, None)
    fitting = Field(one_of(None, "crop_resize", "resize_crop"), None, extension=True, keyword=True)

    def emit(self, b: Emitter, x: Any) -> Any:
        y = super().emit(b, x)
        if b.training or self.fitting is None:
            return y
        size = {"height": self.height, "width": self.width}
        if self.fitting == "crop_resize":
            return b.call(Resizing(**size, crop_to_aspect_ratio=True), y)
        return b.call(CenterCrop(**size), b.call(self._covering(y), y))

    def _covering(self, images: Value) -> Resizing:
        """To the smallest size of the images' proportions that covers height x width."""
        height, width = self._known(images, images.shape[-3:-1])
        if height / width > self.height / self.width:
            return Resizing(int(self.width * height / width), self.width)
        return Resizing(self.height, int(self.height * width / height))

    def draw(self, b: Emitter, images: Value) -> dict[str, Any]:
        height, width = self._sizes(images)
        if height > self.height and width > self.width:
            down, right = height - self.height, width - self.width
            return {"top": self._place(b, images, down), "left": self._place(b, images, right)}
        part = min(height, width * self.height // self.width), min(width, height * self.width // self.height)
        top, left = ((size - max(kept, 1)) // 2 for size, kept in zip((height, width), part, strict=True))
        return {"top": top, "left": left}

    def _sizes(self, images: Value) -> tuple[int, int]:
        return self._known(images, images.shape[1:3])

    def _known(self, images: Value, sizes: Sequence[Dim]) -> tuple[int, int]:
        height, width = sizes
        if not isinstance(height, int) or not isinstance(width, int):
            raise ShapeError(f"{self}: height and width must be known, received shape {shape_text(images.shape)}")
        return height, width

    def _place(self, b: Emitter, images: Value, last: int) -> Value:
        """One of the places from 0 to `last`."""
        unit = b.squeeze(self.stream.uniform(b, images, (1, 1, 1, 1)), axes=(0, 1, 2, 3))
        return b.float_to_int(b.mul(unit, float(last + 1)), dtype="int32")

    def transform(self, b: Emitter, images: Value, *, top: Any, left: Any) -> Value:
        """top, left: numbers, or Values from which whole height x width follow."""
        sizes = self.height, self.width
        for axis, start, size, whole in zip((1, 2), (top, left), sizes, self._sizes(images), strict=True):
            count = min(size, whole - start) if isinstance(start, int) else size
            images = b.gather(images, b.add(b.constant(list(range(count)), "int32"), start), axis=axis)
        return images if images.shape[1:3] == sizes else b.resize(images, axes=(1, 2), sizes=sizes, method="bilinear")
