"""Images of files as arrays. Needs Pillow: pip install 'kcompat[images]'."""

from __future__ import annotations

import os
from typing import IO, Any

import numpy as np

from .. import settings
from ..errors import ArgumentError, MissingDependencyError

_MODES = {"grayscale": "L", "rgb": "RGB", "rgba": "RGBA"}
_DEEP_GRAY = ("L", "I;16", "I")
_FILTERS = ("nearest", "bilinear", "bicubic", "hamming", "box", "lanczos")


def load_img(
    path: str | os.PathLike[str] | IO[bytes],
    color_mode: str = "rgb",
    target_size: tuple[int, int] | None = None,
    interpolation: str = "nearest",
    keep_aspect_ratio: bool = False,
) -> Any:
    """A file as a Pillow image.

    color_mode: "grayscale", "rgb" or "rgba". target_size: (height, width) to resize to.
    interpolation: a filter of Pillow, by name. keep_aspect_ratio: crop the middle instead of distorting.
    Raises ArgumentError, or MissingDependencyError without Pillow. Source: keras.utils.load_img.
    """
    if color_mode not in _MODES:
        raise ArgumentError(f"color_mode must be one of {', '.join(_MODES)}, received {color_mode!r}")
    if interpolation not in _FILTERS:
        raise ArgumentError(f"interpolation must be one of {', '.join(_FILTERS)}, received {interpolation!r}")
    pillow = _pillow()
    with pillow.open(path) as opened:
        deep = color_mode == "grayscale" and opened.mode in _DEEP_GRAY
        image = opened.copy() if deep else opened.convert(_MODES[color_mode])
    if target_size is None or image.size == (target_size[1], target_size[0]):
        return image
    height, width = target_size
    box = _middle(image.size, width, height) if keep_aspect_ratio else None
    return image.resize((width, height), pillow.Resampling[interpolation.upper()], box=box)


def _middle(size: tuple[int, int], width: int, height: int) -> tuple[int, int, int, int]:
    """The largest box in the middle of an image that has the proportions of width and height."""
    box_width = min(size[0], size[1] * width // height)
    box_height = min(size[1], size[0] * height // width)
    left, top = (size[0] - box_width) // 2, (size[1] - box_height) // 2
    return left, top, left + box_width, top + box_height


def img_to_array(img: Any, data_format: str | None = None, dtype: Any = None) -> np.ndarray:
    """A Pillow image as an array (height, width, channels), or channels first.

    dtype: float32 unless `keras.backend.floatx` says otherwise. Source: keras.utils.img_to_array.
    """
    array = np.asarray(img, dtype=dtype or settings.floatx())
    if array.ndim not in (2, 3):
        raise ArgumentError(f"img_to_array takes an image of rank 2 or 3, received shape {array.shape}")
    array = array[..., None] if array.ndim == 2 else array
    return array.transpose(2, 0, 1) if _first(data_format) else array


def array_to_img(x: Any, data_format: str | None = None, scale: bool = True, dtype: Any = None) -> Any:
    """An array (height, width, 1, 3 or 4 channels), or channels first, as a Pillow image.

    scale: stretch the values to 0..255. Raises ArgumentError for another shape. Source: keras.utils.array_to_img.
    """
    array = np.array(x, dtype=dtype or settings.floatx())
    if array.ndim != 3:
        raise ArgumentError(f"array_to_img takes an array of rank 3, received shape {array.shape}")
    array = array.transpose(1, 2, 0) if _first(data_format) else array
    channels = array.shape[2]
    if channels not in (1, 3, 4):
        raise ArgumentError(f"array_to_img takes 1, 3 or 4 channels, received {channels}")
    if scale:
        array -= array.min()
        array /= array.max() or 1
        array *= 255
    if channels == 1:
        return _pillow().fromarray(array[..., 0].astype("int32" if array.max() > 255 else "uint8"))
    return _pillow().fromarray(array.astype("uint8"))


def save_img(
    path: Any,
    x: Any,
    data_format: str | None = None,
    file_format: str | None = None,
    scale: bool = True,
    **options: Any,
) -> None:
    """Write an array as an image file; the format follows the name unless given. Source: keras.utils.save_img."""
    array_to_img(x, data_format, scale).save(path, format=file_format, **options)


def _first(data_format: str | None) -> bool:
    known = ("channels_last", "channels_first")
    if data_format not in (None, *known):
        raise ArgumentError(f"data_format must be one of {known}, received {data_format!r}")
    return (data_format or settings.image_data_format()) == "channels_first"


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError:
        raise MissingDependencyError("images need Pillow: pip install 'kcompat[images]'") from None
    return Image
