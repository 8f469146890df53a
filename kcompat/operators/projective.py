"""Images sampled at the places that a projective map gives, as TensorFlow's ImageProjectiveTransformV3.

Source of borders and order of sums: tensorflow/core/kernels/image/image_ops.h.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.operator import Float, not_differentiable, one_of, operator
from ..ir.types import TensorType, is_float, shape_text


def _type(x: TensorType, maps: TensorType, **_: object) -> TensorType:
    if not is_float(x.dtype) or maps.dtype != "float32":
        raise DtypeError(f"projective_transform: images {x.dtype} must be floating, maps {maps.dtype} float32")
    if x.rank != 4 or maps.rank != 2 or maps.shape[1] != 8:
        raise ShapeError(f"projective_transform: images {shape_text(x.shape)}, maps {shape_text(maps.shape)}")
    return x


def _transform(x: np.ndarray, maps: np.ndarray, *, interpolation: str, fill_mode: str, fill_value: float) -> np.ndarray:
    sample = _nearest if interpolation == "nearest" else _bilinear
    border = _BORDERS[fill_mode]
    maps = np.broadcast_to(maps, (len(x), 8))
    images = [
        sample(image, *_places(image, row, border), np.float32(fill_value)) for image, row in zip(x, maps, strict=True)
    ]
    return np.stack(images).astype(x.dtype) if images else x


def _places(image: np.ndarray, row: np.ndarray, border: Callable[..., np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Where each element of an output is taken from, as rows and columns; far outside where that is nowhere."""
    height, width = image.shape[:2]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    scale = row[6] * x + row[7] * y + np.float32(1)
    nowhere = scale == 0
    scale[nowhere] = 1
    columns = border((row[0] * x + row[1] * y + row[2]) / scale, width)
    rows = border((row[3] * x + row[4] * y + row[5]) / scale, height)
    rows[nowhere] = -2 - height
    return rows, columns


def _reflected(at: np.ndarray, length: int) -> np.ndarray:
    """d c b a | a b c d | d c b a."""
    if length == 1:
        return np.zeros_like(at)
    at = np.where(at < 0, at + 2 * length * np.trunc(-at / (2 * length)), at)
    at = np.where(at < -length, at + 2 * length, np.where(at < 0, -at - 1, at))
    at = np.where(at > length - 1, at - 2 * length * np.trunc(at / (2 * length)), at)
    return np.clip(np.where(at >= length, 2 * length - at - 1, at), 0, length - 1)


def _wrapped(at: np.ndarray, length: int) -> np.ndarray:
    """a b c d | a b c d | a b c d."""
    if length == 1:
        return np.zeros_like(at)
    turns = np.trunc(np.abs(at) / (length - 1))
    return np.clip(np.where(at < 0, at + length * (turns + 1), at - length * turns), 0, length - 1)


_BORDERS: dict[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "constant": lambda at, length: at,
    "nearest": lambda at, length: np.clip(at, 0, length - 1),
    "reflect": _reflected,
    "wrap": _wrapped,
}


def _read(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: np.float32) -> np.ndarray:
    """Elements at whole places, `fill` outside of the image."""
    height, width = image.shape[:2]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    places = np.where(inside, rows * width + columns, 0).astype(np.intp)
    values = image.reshape(height * width, -1).take(places, axis=0)
    if not inside.all():
        values[~inside] = fill
    return values


def _nearest(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: np.float32) -> np.ndarray:
    row, column = (np.trunc(at + np.copysign(np.float32(0.5), at)) for at in (rows, columns))
    return _read(image, row, column, fill)


def _bilinear(image: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: np.float32) -> np.ndarray:
    top, left = np.floor(rows), np.floor(columns)
    below, right = (rows - top)[..., None], (columns - left)[..., None]

    def line(at: np.ndarray) -> np.ndarray:
        return (1 - right) * _read(image, at, left, fill) + right * _read(image, at, left + 1, fill)

    result: np.ndarray = (1 - below) * line(top) + below * line(top + 1)
    return result


projective_transform = operator(
    "projective_transform",
    "x maps",
    attrs={
        "interpolation": one_of("bilinear", "nearest"),
        "fill_mode": one_of("constant", "nearest", "reflect", "wrap"),
        "fill_value": Float(0.0),
    },
    infer=_type,
    meaning=_transform,
    gradient=not_differentiable,
)
"""Images (batch, height, width, channels) whose element (y, x) is the one of x at
(m3 x + m4 y + m5, m0 x + m1 y + m2) / (m6 x + m7 y + 1), m the image's row of maps (batch, 8) or the only one."""
