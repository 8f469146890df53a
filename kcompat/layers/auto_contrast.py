"""AutoContrast."""

from __future__ import annotations

from ..config import Field, registered
from ..ir import Value
from .emitter import Emitter
from .random_augmentation import Augmentation, ValueRange
from .ranks import require_rank


@registered("keras.layers")
class AutoContrast(Augmentation):
    """Spreads each channel of each image over the whole of `value_range`; a constant channel stays.

    Input (batch, height, width, channels) or one image. As in Keras, the two axes behind the batch
    are taken for height and width whatever `data_format` says. Source: keras.layers.AutoContrast.
    """

    positional = ("value_range",)

    value_range = Field(ValueRange, (0, 255))

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, 3, 4)
        x = b.floating(x)
        axes = (1, 2) if x.rank == 4 else (0, 1)
        low, high = self.value_range
        unit = b.div(b.sub(x, low), high - low)
        least, most = (card(unit, axes=axes, keepdims=True) for card in (b.reduce_min, b.reduce_max))
        spread = b.clip(b.div(b.sub(unit, least), b.sub(most, least)), low=0.0, high=1.0)
        result = b.add(b.mul(spread, high - low), low)
        return b.where(b.equal(result, result), result, x)
