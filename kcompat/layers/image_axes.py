"""Where images have their height and width."""

from __future__ import annotations

from ..config import DataFormat, Field
from ..ir import Value
from .base import Layer
from .ranks import require_rank


class ImageLayer(Layer):
    """A layer of images (batch, height, width, channels), or of one image; channels before height if so configured."""

    data_format = Field(DataFormat, None, keyword=True)

    def image_axes(self, x: Value) -> tuple[int, int]:
        """The axes of height and width. Raises ShapeError unless x is an image or a batch of them."""
        require_rank(self, x, 3, 4)
        last = x.rank - 1 if self.data_format == "channels_first" else x.rank - 2
        return last - 1, last
