"""Sizes of windows that Keras 2 states otherwise: padding "full", and outputs of stated size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcompat.errors import ConfigError

CONVOLUTIONS = {"Conv1D": 1, "Conv2D": 2, "Conv3D": 3}

Entry = dict[str, Any]


def sizes(where: str, config: Mapping[str, Any], key: str, rank: int) -> list[int]:
    """A config's integer or list of integers as one per axis, one where it is absent. Raises ConfigError."""
    value = config.get(key) or 1
    listed = [value] * rank if isinstance(value, int) else value
    if not isinstance(listed, (list, tuple)) or len(listed) != rank:
        raise ConfigError(f"{where}: '{key}' must be an integer or {rank} of them, received {value!r}")
    if not all(isinstance(item, int) and item > 0 for item in listed):
        raise ConfigError(f"{where}: '{key}' must hold positive integers, received {value!r}")
    return list(listed)


def convolution(class_name: str, config: Entry) -> list[Entry]:
    """A convolution; Theano's border_mode "full" becomes a ZeroPadding layer in front of it."""
    entry: Entry = {"class_name": class_name, "config": config}
    if config.get("padding") != "full":
        return [entry]
    rank, where = CONVOLUTIONS[class_name], f"layer '{config.get('name')}' ({class_name})"
    kernels, dilations = sizes(where, config, "kernel_size", rank), sizes(where, config, "dilation_rate", rank)
    pads = [[(kernel - 1) * dilation] * 2 for kernel, dilation in zip(kernels, dilations, strict=True)]
    own: Entry = {"name": f"{config.get('name')}_padding", "padding": pads[0] if rank == 1 else pads}
    if rank > 1:
        own["data_format"] = config.get("data_format")
    own |= {key: config.pop(key) for key in ("batch_input_shape", "input_dtype") if key in config}
    config["padding"] = "valid"
    return [{"class_name": f"ZeroPadding{rank}D", "config": own}, entry]


def transposed_convolution(config: Entry, where: str) -> Entry:
    """A transposed convolution with the output padding that its stated output size implies.

    Raises ConfigError for sizes that do not follow from kernel and strides.
    """
    output = _spatial(where, config.pop("output_shape", None), config.get("data_format"))
    kernels, strides = sizes(where, config, "kernel_size", 2), sizes(where, config, "strides", 2)
    if config.get("padding") == "same":
        if any(size % stride for size, stride in zip(output, strides, strict=True)):
            raise ConfigError(
                f"{where}: border_mode='same' with strides {strides} makes sizes that are multiples of them, "
                f"output_shape says {output}"
            )
        return config
    extra = [(size - kernel) % stride for size, kernel, stride in zip(output, kernels, strides, strict=True)]
    if extra != [max(stride - kernel, 0) for kernel, stride in zip(kernels, strides, strict=True)]:
        config["output_padding"] = extra
    return config


def _spatial(where: str, output_shape: Any, data_format: Any) -> list[int]:
    shape = output_shape if isinstance(output_shape, (list, tuple)) and len(output_shape) == 4 else [None] * 4
    spatial = list(shape[2:] if data_format == "channels_first" else shape[1:3])
    if not all(isinstance(size, int) and size > 0 for size in spatial):
        raise ConfigError(f"{where}: output_shape must state height and width, received {output_shape!r}")
    return spatial
