"""Image files as inputs of models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import ArgumentError, InputError, KcompatError
from ..ir import Value
from ..utils.image import img_to_array, load_img

SCALES = ("0..255", "0..1", "-1..1")
_MODES = {1: "grayscale", 3: "rgb", 4: "rgba"}
_DEEP = 257  # 16-bit gray to 8-bit


class Frame(NamedTuple):
    """How an input wants its images; a size is None where any will do."""

    channels: int
    height: int | None
    width: int | None
    channels_first: bool = False
    flat: bool = False


def frame_of(value: Value) -> Frame:
    """Raises ArgumentError for an input that takes no images."""
    shape = [dim if isinstance(dim, int) else None for dim in value.shape]
    if len(shape) == 4 and shape[3] in _MODES:
        return Frame(shape[3] or 0, shape[1], shape[2])
    if len(shape) == 4 and shape[1] in _MODES:
        return Frame(shape[1] or 0, shape[2], shape[3], channels_first=True)
    if len(shape) == 3:
        return Frame(1, shape[1], shape[2], flat=True)
    raise ArgumentError(f"input '{value.name}' takes shape {tuple(shape)}, which is no image; pass a .npy file")


def read(path: str, value: Value, scale: str, note: Callable[[str], None]) -> np.ndarray:
    """One image as one sample, in the channels and the size of the input.

    scale: what 0 to 255 becomes. note: is told when the image is resized.
    Raises InputError if the file is no image, MissingDependencyError without Pillow.
    """
    frame = frame_of(value)
    image = _open(path, frame)
    height, width = frame.height or image.height, frame.width or image.width
    if (image.width, image.height) != (width, height):
        note(f"{path}: resized from {image.width}x{image.height} to {width}x{height} (width x height, bilinear)")
        image = image.resize((width, height), _bilinear())
    pixels = img_to_array(image, "channels_first" if frame.channels_first else "channels_last", "float32")
    if image.mode.startswith("I"):
        pixels /= _DEEP
    pixels = pixels[..., 0] if frame.flat else pixels
    return _scaled(pixels, scale)[None]


def _open(path: str, frame: Frame) -> Any:
    try:
        return load_img(path, _MODES[frame.channels])
    except KcompatError:
        raise
    except (ValueError, SyntaxError, OSError) as error:
        raise InputError(f"{path}: is no .npy, .npz or .csv file, and no image that can be read: {error}") from None


def _bilinear() -> Any:
    from PIL import Image

    return Image.Resampling.BILINEAR


def _scaled(pixels: np.ndarray, scale: str) -> np.ndarray:
    low, high = map(float, scale.split(".."))
    return (pixels * ((high - low) / 255) + low).astype(np.float32)
