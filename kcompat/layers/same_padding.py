"""What "same" padding meant when Keras ran on Theano.

Theano began windows at fixed places, half a window before the input or thereabouts, where every
other backend centres them on the whole. Sources: `_postprocess_conv2d_output`, `conv2d_transpose` and
`pool2d` in keras/backend/theano_backend.py of Keras 1.2.2 and 2.0.8.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..config import Field, one_of
from ..errors import ShapeError
from ..ir import Dim

Pairs = tuple[tuple[int, int], ...]


def same_padding_field() -> Field:
    """The field by which a layer says whose "same" it means.

    With "theano_counted" average pooling counts padded positions too, as from Keras 2.0 to 2.1.4.
    """
    return Field(one_of("tensorflow", "theano", "theano_counted"), "tensorflow", extension=True, keyword=True)


def convolution_pads(extents: Sequence[int]) -> Pairs:
    """Half the window on the low side, and what makes ceil(size / stride) outputs on the high one."""
    return tuple((extent // 2, (extent - 1) // 2) for extent in extents)


def transposed_cuts(extents: Sequence[int], strides: Sequence[int]) -> Pairs:
    """Half the window from the low end, the rest so that size * stride positions remain."""
    return tuple((extent // 2, extent - extent // 2 - stride) for extent, stride in zip(extents, strides, strict=True))


def pooling_pads(where: object, sizes: Sequence[Dim], windows: Sequence[int], strides: Sequence[int]) -> Pairs:
    """Fixed pads on the low side, and what makes ceil(size / stride) outputs on the high one.

    Raises ShapeError for an open size, on which the high pad depends.
    """
    pairs = []
    for size, window, stride in zip(sizes, windows, strides, strict=True):
        low = window - 2 if window > 2 and window % 2 else window - 1
        if not isinstance(size, int):
            raise ShapeError(f"{where}: 'same' padding of Theano needs an input of known size, received an open one")
        outputs = -(-size // stride)
        pairs.append((low, (outputs - 1) * stride + window - size - low))
    return tuple(pairs)
