"""Xception: pixels from -1 to 1."""

from __future__ import annotations

from typing import Any

from ..errors import ArgumentError
from ..layers import (
    Activation,
    Add,
    BatchNormalization,
    Conv2D,
    Dense,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Input,
    MaxPooling2D,
    SeparableConv2D,
)
from ..models import Functional
from ..settings import image_data_format
from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["Xception", "decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")

_DEFAULT_SIZE, _LEAST_SIZE = 299, 71


def Xception(
    include_top: bool = True,
    weights: Any = "imagenet",
    input_tensor: Any = None,
    input_shape: Any = None,
    pooling: str | None = None,
    classes: int = 1000,
    classifier_activation: Any = "softmax",
    name: str = "xception",
) -> Functional:
    """The model of Chollet 2017, with the layers and names of keras.applications.Xception.

    weights: None for random ones, or the path of a file that Keras or kcompat saved; Keras's default, "imagenet",
    is a download, which is never made here. input_shape: of one image, 299 x 299 x 3 by default, at least 71 x 71;
    input_tensor: a KerasTensor instead. pooling: None, "avg" or "max", what follows without the classifier.
    Raises ArgumentError, and LoadError for a file that does not fit.
    """
    if weights == "imagenet":
        raise ArgumentError(
            "Xception: weights='imagenet' would be downloaded, and kcompat downloads nothing; pass the path of "
            "Keras's weights file, or None"
        )
    image = Input(_checked_shape(input_shape)) if input_tensor is None else input_tensor
    x = _middle(_entry(image))
    x = _exit(x)
    if include_top:
        x = GlobalAveragePooling2D(name="avg_pool")(x)
        x = Dense(classes, activation=classifier_activation, name="predictions")(x)
    elif pooling in ("avg", "max"):
        x = (GlobalAveragePooling2D() if pooling == "avg" else GlobalMaxPooling2D())(x)
    elif pooling is not None:
        raise ArgumentError(f"Xception: pooling must be None, 'avg' or 'max', received {pooling!r}")
    model = Functional(image, x, name=name)
    if weights is not None:
        model.load_weights(weights)
    return model


def _checked_shape(shape: Any) -> tuple[int | None, ...]:
    first = image_data_format() == "channels_first"
    size = (_DEFAULT_SIZE, _DEFAULT_SIZE)
    shape = tuple(shape) if shape is not None else (3, *size) if first else (*size, 3)
    spatial = shape[1:] if first else shape[:2]
    if len(shape) != 3 or any(side is not None and side < _LEAST_SIZE for side in spatial):
        raise ArgumentError(f"Xception: input_shape has three sizes, sides of at least {_LEAST_SIZE}, received {shape}")
    return shape


def _normalized(x: Any, name: str | None = None) -> Any:
    axis = 1 if image_data_format() == "channels_first" else -1
    return BatchNormalization(axis=axis, name=name)(x)


def _shortcut(x: Any, filters: int) -> Any:
    return _normalized(Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x))


def _separable(x: Any, filters: int, name: str) -> Any:
    return _normalized(SeparableConv2D(filters, 3, padding="same", use_bias=False, name=name)(x), f"{name}_bn")


def _entry(x: Any) -> Any:
    for number, (filters, strides) in enumerate(((32, 2), (64, 1)), 1):
        name = f"block1_conv{number}"
        x = _normalized(Conv2D(filters, 3, strides=strides, use_bias=False, name=name)(x), f"{name}_bn")
        x = Activation("relu", name=f"{name}_act")(x)
    for block, filters in ((2, 128), (3, 256), (4, 728)):
        x = _halved(x, block, (filters, filters))
    return x


def _halved(x: Any, block: int, filters: tuple[int, int]) -> Any:
    """Two convolutions and pooling, beside a shortcut."""
    residual = _shortcut(x, filters[1])
    for number, count in enumerate(filters, 1):
        if block > 2 or number > 1:
            x = Activation("relu", name=f"block{block}_sepconv{number}_act")(x)
        x = _separable(x, count, f"block{block}_sepconv{number}")
    x = MaxPooling2D(3, strides=2, padding="same", name=f"block{block}_pool")(x)
    return Add()([x, residual])


def _middle(x: Any) -> Any:
    for block in range(5, 13):
        residual = x
        for number in (1, 2, 3):
            x = Activation("relu", name=f"block{block}_sepconv{number}_act")(x)
            x = _separable(x, 728, f"block{block}_sepconv{number}")
        x = Add()([x, residual])
    return x


def _exit(x: Any) -> Any:
    x = _halved(x, 13, (728, 1024))
    for number, filters in ((1, 1536), (2, 2048)):
        x = _separable(x, filters, f"block14_sepconv{number}")
        x = Activation("relu", name=f"block14_sepconv{number}_act")(x)
    return x
