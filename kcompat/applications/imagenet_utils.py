"""Pixels as the models of `keras.applications` take them, and their 1000 outputs as classes with names.

Source: keras/src/applications/imagenet_utils.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from .. import ops, settings
from ..errors import ArgumentError, InputError
from ..ir.types import is_float
from ..layers import KerasTensor

_FORMATS = ("channels_first", "channels_last")
_MODES = ("caffe", "tf", "torch")
_BLUE_GREEN_RED = (103.939, 116.779, 123.68)
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

ClassIndex = list[tuple[str, str]]


def preprocess_input(x: Any, data_format: str | None = None, mode: str = "caffe") -> Any:
    """Pixels from 0 to 255 as a model was trained on them.

    x: one image or a batch with channels red, green, blue, as an array or a KerasTensor; integers become floats.
    data_format: "channels_last" or "channels_first"; by default the setting of `keras.backend`.
    mode: "caffe": blue, green, red, minus their means in ImageNet; "tf": from -1 to 1; "torch": from 0 to 1, then
    minus the means and divided by the deviations in ImageNet.
    The result is of x's shape; x is left as it is, where Keras overwrites floating arrays.
    Raises ArgumentError, InputError for another shape.
    """
    if mode not in _MODES:
        raise ArgumentError(f"mode must be one of {', '.join(_MODES)}, received {mode!r}")
    data_format = data_format or settings.image_data_format()
    if data_format not in _FORMATS:
        raise ArgumentError(f"data_format must be one of {', '.join(_FORMATS)}, received {data_format!r}")
    x = _floating(x)
    if mode == "tf":
        return x / 127.5 - 1.0
    axis = len(x.shape) - (3 if data_format == "channels_first" else 1)
    if len(x.shape) not in (3, 4) or x.shape[axis] != 3:
        raise InputError(f"preprocess_input: images with three channels ({data_format}) are needed, received {x.shape}")
    if mode == "torch":
        return (x / 255.0 - _along(axis, x, _MEAN)) / _along(axis, x, _DEVIATION)
    flipped = ops.flip(x, axis=axis) if isinstance(x, KerasTensor) else np.flip(x, axis)
    return flipped - _along(axis, x, _BLUE_GREEN_RED)


def _floating(x: Any) -> Any:
    if isinstance(x, KerasTensor):
        return x if is_float(x.dtype) else ops.cast(x, settings.floatx())
    array = np.asarray(x)
    return array if array.dtype.kind == "f" else array.astype(settings.floatx())


def _along(axis: int, x: Any, numbers: tuple[float, ...]) -> np.ndarray:
    """Numbers for the channels, in the shape in which they broadcast against x."""
    shape = [1] * len(x.shape)
    shape[axis] = len(numbers)
    return np.array(numbers, np.dtype(str(x.dtype)) if str(x.dtype) != "bfloat16" else np.float32).reshape(shape)


def decode_predictions(preds: Any, top: int = 5, class_index: Any = None) -> list[list[tuple[str, str, float]]]:
    """The likeliest classes of each sample, the likeliest first: (identifier, name, score).

    preds: array (samples, classes). class_index: path of a JSON file {"0": ["n01440764", "tench"], ...}, such as
    Keras's imagenet_class_index.json, which Keras keeps in ~/.keras/models; nothing is downloaded here.
    Raises ArgumentError without one, InputError if it is malformed or for another number of classes.
    """
    scores = np.asarray(preds)
    if class_index is None:
        raise ArgumentError(
            "decode_predictions: pass class_index='imagenet_class_index.json', the file with the names of the classes; "
            "Keras keeps it in ~/.keras/models, and nothing is downloaded here"
        )
    names = _read_class_index(class_index)
    if scores.ndim != 2 or scores.shape[1] != len(names):
        raise InputError(
            f"decode_predictions: an array (samples, {len(names)}) is needed for the classes in {class_index}, "
            f"received shape {scores.shape}"
        )
    return [_ranked(row, names, top) for row in scores]


def _ranked(scores: np.ndarray, names: ClassIndex, top: int) -> list[tuple[str, str, float]]:
    best = scores.argsort()[-top:][::-1]
    return sorted(((*names[place], scores[place]) for place in best), key=lambda item: item[2], reverse=True)


def _read_class_index(path: Any) -> ClassIndex:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        pairs = [content[str(place)] for place in range(len(content))]
        return [(str(identifier), str(name)) for identifier, name in pairs]
    except OSError as error:
        raise ArgumentError(f"decode_predictions: class_index {path}: {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            f'decode_predictions: {path} is no JSON object {{"0": ["n01440764", "tench"], ...}}: {error!r}'
        ) from error


def preprocessing(mode: str) -> Callable[..., Any]:
    """The `preprocess_input` of models that were trained in a mode."""

    def preprocess(x: Any, data_format: str | None = None) -> Any:
        return preprocess_input(x, data_format, mode)

    preprocess.__name__ = preprocess.__qualname__ = "preprocess_input"
    preprocess.__doc__ = f"`imagenet_utils.preprocess_input` with mode={mode!r}."
    return preprocess


def unchanged(x: Any, data_format: str | None = None) -> Any:
    """x itself: these models prepare their inputs."""
    return x
