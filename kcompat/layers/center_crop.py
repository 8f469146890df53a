"""CenterCrop."""

from __future__ import annotations

from ..config import Field, PositiveInt, registered
from ..ir import Value
from .emitter import Emitter
from .image_axes import ImageLayer


@registered("keras.layers")
class CenterCrop(ImageLayer):
    """The central height x width of images.

    Of images that are smaller in some axis, the largest central part with these proportions, enlarged
    (bilinear). Input (batch, height, width, channels) or one image, of any real dtype; output floating.
    Source: keras.layers.CenterCrop.
    """

    positional = ("height", "width", "data_format")

    height = Field(PositiveInt)
    width = Field(PositiveInt)

    def emit(self, b: Emitter, x: Value) -> Value:
        axes = self.image_axes(x)
        sizes = (self.height, self.width)
        part = b.crop_to_ratio(b.floating(x), axes=axes, height=self.height, width=self.width, central=True)
        if tuple(part.shape[axis] for axis in axes) == sizes:
            return part
        return b.resize(part, axes=axes, sizes=sizes, method="bilinear")
