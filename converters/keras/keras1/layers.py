"""One layer's config of Keras 1 -> the layers of Keras 2 that do the same, usually one.

What a config key is called since Keras 2 is said by the layer classes (`Field(keras1=...)`); here is
what has no such one-to-one name. Source: layers/*.py of Keras 1.2.2, legacy/interfaces.py of 2.0.8.
Keys that remain unknown are kept, for the layer's constructor to refuse by name.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

from kcompat.config import CLASSES
from kcompat.errors import ConfigError

from . import objects, windows
from .context import Context
from .merge import upgrade_merge

Entry = dict[str, Any]

_RENAMED = {
    "AtrousConv1D": "Conv1D",
    "AtrousConv2D": "Conv2D",
    "AtrousConvolution1D": "Conv1D",
    "AtrousConvolution2D": "Conv2D",
    "Convolution1D": "Conv1D",
    "Convolution2D": "Conv2D",
    "Convolution3D": "Conv3D",
    "Deconv2D": "Conv2DTranspose",
    "Deconvolution2D": "Conv2DTranspose",
    "SeparableConvolution2D": "SeparableConv2D",
    "TimeDistributedDense": "Dense",
}

_KEYS = {
    "atrous_rate": "dilation_rate",
    "border_mode": "padding",
    "filter_length": "kernel_size",
    "length": "size",
    "pool_length": "pool_size",
    "stride": "strides",
    "subsample": "strides",
    "subsample_length": "strides",
}
"""Keys that were called differently in classes which are one class now."""

_UNRECORDED_ORDERING = frozenset(
    {
        "Cropping2D",
        "Cropping3D",
        "UpSampling2D",
        "UpSampling3D",
        "ZeroPadding2D",
        "ZeroPadding3D",
    }
)
"""Layers over images whose configs leave dim_ordering out."""

_MEANINGLESS = frozenset({"consume_less"})
"""Keys dropped at any value: how to compute, not what."""


def upgrade_layer(class_name: str, config: Mapping[str, Any], context: Context) -> list[Entry]:
    """The layers that take a layer's place, in order, as class and config.

    One of them has its name and its weights. Raises ConfigError or RefusedLayerError naming the layer.
    """
    if class_name == "Merge":
        return upgrade_merge(config)
    new_name = _RENAMED.get(class_name, class_name)
    cls = CLASSES["keras.layers"].get(new_name)
    if cls is None and new_name not in _RULES:
        return [{"class_name": class_name, "config": dict(config)}]
    upgraded = {key: value for key, value in config.items() if key not in _MEANINGLESS}
    upgraded = _general(new_name, upgraded, context)
    upgraded = objects.rename(cls, upgraded)
    upgraded = {_KEYS.get(key, key): value for key, value in upgraded.items()}
    if new_name in _RULES:
        upgraded = _RULES[new_name](upgraded, context)
    upgraded = {key: objects.upgrade_value(key, value) for key, value in upgraded.items()}
    if new_name in windows.CONVOLUTIONS:
        return windows.convolution(new_name, upgraded)
    return [{"class_name": new_name, "config": upgraded}]


def _general(class_name: str, config: Entry, context: Context) -> Entry:
    """Kernel sizes, orderings and input sizes, which several classes write the same way."""
    for parts in (("nb_row", "nb_col"), ("kernel_dim1", "kernel_dim2", "kernel_dim3")):
        if all(part in config for part in parts):
            config["kernel_size"] = [config.pop(part) for part in parts]
    where = f"layer '{config.get('name')}' ({class_name})"
    if "dim_ordering" in config or class_name in _UNRECORDED_ORDERING:
        config["data_format"] = context.channels(where, config.pop("dim_ordering", None))
    elif class_name in ("SpatialDropout2D", "SpatialDropout3D"):
        config |= _dropped_channels(where, context)
    if class_name != "Embedding":
        # Set on every built layer; where it matters, batch_input_shape says the same.
        config.pop("input_dim", None)
    config.pop("input_length", None)
    return config


def _dropped_channels(where: str, context: Context) -> Entry:
    """The ordering of a layer that does nothing in inference need not be known; without it, a warning."""
    try:
        return {"data_format": context.channels(where)}
    except ConfigError as error:
        warnings.warn(f"{error}; training will take it for 'tf'", stacklevel=2)
        return {}


# --- layers that need more than names ----------------------------------------------


def _input_layer(config: Entry, context: Context) -> Entry:
    if "input_dtype" in config:
        config["dtype"] = config.pop("input_dtype")
    return config


def _embedding(config: Entry, context: Context) -> Entry:
    """dropout was of rows of the matrix, in training; later Kerases have no such thing."""
    rate = config.pop("dropout", 0)
    if rate:
        warnings.warn(
            f"layer '{config.get('name')}' (Embedding): dropout={rate} acts in training alone and is left out, "
            "as in Keras 2",
            stacklevel=2,
        )
    return config


def _batch_normalization(config: Entry, context: Context) -> Entry:
    """Modes 1 and 2 have no later counterpart, nor the standard deviations kept until Keras 1.0.5."""
    where = f"layer '{config.get('name')}' (BatchNormalization)"
    mode = config.pop("mode", 0)
    meanings = {"1": "normalizes each sample", "2": "uses the statistics of each batch in inference too"}
    if mode != 0:
        raise ConfigError(f"{where}: mode={mode!r} {meanings.get(str(mode), 'is unknown')}; only mode 0 is supported")
    if context.version is None or context.version < (1, 0, 6):
        raise ConfigError(
            f"{where}: until Keras 1.0.5 it kept standard deviations instead of variances and added epsilon "
            'elsewhere, which is not supported; if a later Keras 1 wrote this model, add its "keras_version"'
        )
    return config


def _gated(config: Entry, context: Context) -> Entry:
    """The forget gate's bias starts at one or zero; any other start is kept for the layer to refuse."""
    start = config.get("forget_bias_init")
    if start in ("one", "zero"):
        config["unit_forget_bias"] = config.pop("forget_bias_init") == "one"
    return config


def _gru(config: Entry, context: Context) -> Entry:
    return {**config, "reset_after": False}


def _transposed(config: Entry, context: Context) -> Entry:
    return windows.transposed_convolution(config, f"layer '{config.get('name')}' (Deconvolution2D)")


def _separable(config: Entry, context: Context) -> Entry:
    """One initializer for both kernels."""
    for key in ("init", "kernel_initializer"):
        if key in config:
            start = config.pop(key)
            config["depthwise_initializer"] = config["pointwise_initializer"] = start
    return config


def _reshape(config: Entry, context: Context) -> Entry:
    if "dims" in config:
        config["target_shape"] = config.pop("dims")
    return config


def _zero_padding_1d(config: Entry, context: Context) -> Entry:
    padding = config.get("padding")
    if isinstance(padding, Mapping):
        config["padding"] = _sides(config, padding, ("left_pad", "right_pad"))
    return config


def _zero_padding_2d(config: Entry, context: Context) -> Entry:
    padding = config.get("padding")
    if isinstance(padding, Mapping):
        padding = _sides(config, padding, ("top_pad", "bottom_pad", "left_pad", "right_pad"))
    if isinstance(padding, (list, tuple)) and len(padding) == 4:
        config["padding"] = [list(padding[:2]), list(padding[2:])]
    return config


def _sides(config: Entry, padding: Mapping[str, Any], names: tuple[str, ...]) -> list[Any]:
    unknown = sorted(set(padding) - set(names))
    if unknown:
        raise ConfigError(f"layer '{config.get('name')}': padding has unknown sides {unknown}; known: {names}")
    return [padding.get(name, 0) for name in names]


_RULES: dict[str, Callable[[Entry, Context], Entry]] = {
    "BatchNormalization": _batch_normalization,
    "Conv2DTranspose": _transposed,
    "ConvLSTM2D": _gated,
    "Embedding": _embedding,
    "GRU": _gru,
    "InputLayer": _input_layer,
    "LSTM": _gated,
    "Reshape": _reshape,
    "SeparableConv2D": _separable,
    "ZeroPadding1D": _zero_padding_1d,
    "ZeroPadding2D": _zero_padding_2d,
}
