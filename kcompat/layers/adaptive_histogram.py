"""ContrastLimitedAdaptiveHistogramEqualization."""

from __future__ import annotations

from ..config import Field, Float, ints, registered
from ..ir import Value
from ..ir.types import is_float
from .emitter import Emitter
from .random_augmentation import Augmentation, ValueRange
from .ranks import require_rank


@registered("keras.layers")
class ContrastLimitedAdaptiveHistogramEqualization(Augmentation):
    """Images with the histogram of each part made even, in inference too.

    value_range: of the images. clip_limit: the greatest share of a level, as multiple of the mean.
    tile_grid_size: how many parts there are along height and width. Input (batch, height, width, channels)
    or one image; output the same, whole numbers cut off where the input has them.
    Source: keras.layers.ContrastLimitedAdaptiveHistogramEqualization.
    """

    positional = ("value_range", "clip_limit", "tile_grid_size", "data_format")

    value_range = Field(ValueRange, (0, 255))
    clip_limit = Field(Float, 4.0)
    tile_grid_size = Field(ints(2), 8)

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, 3, 4)
        dtype = x.dtype
        x = b.floating(x)
        images = x if x.rank == 4 else b.expand_dims(x, axes=(0,))
        first = self.data_format == "channels_first"
        images = b.transpose(images, perm=(0, 2, 3, 1)) if first else images
        images = self._equalized(b, images)
        images = b.transpose(images, perm=(0, 3, 1, 2)) if first else images
        images = images if x.rank == 4 else b.squeeze(images, axes=(0,))
        return images if is_float(dtype) else b.cast(images, dtype=dtype)

    def _equalized(self, b: Emitter, x: Value) -> Value:
        low, high = self.value_range
        if (low, high) == (0, 255):
            return b.clahe(x, tiles=self.tile_grid_size, clip_limit=self.clip_limit)
        levels = b.mul(b.div(b.sub(x, low), high - low), 255.0)
        levels = b.clahe(levels, tiles=self.tile_grid_size, clip_limit=self.clip_limit)
        return b.add(b.mul(b.div(levels, 255.0), high - low), low)
