"""Paddings of Theano, expressed with layers that mean the same everywhere.

On Theano, border_mode="same" pads by half the kernel on both sides and drops what is too long at
the high end; elsewhere the pads depend on the input's size. Source: `_postprocess_conv2d_output`,
`pool2d` and `deconv2d` in keras/backend/theano_backend.py of Keras 1.2.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcompat.errors import ConfigError, LoadError
from kcompat.layers.base import walk
from kcompat.models import Model

from .context import Context

CONVOLUTIONS = {"Conv1D": 1, "Conv2D": 2, "Conv3D": 3}
POOLINGS = {f"{kind}Pooling{rank}D": rank for kind in ("Max", "Average") for rank in (1, 2, 3)}

Entry = dict[str, Any]


def is_symmetric(kernel: int, stride: int) -> bool:
    """Whether "same" pads alike on Theano and elsewhere, for every size of input."""
    return kernel == 1 or (kernel % 2 == 1 and stride == 1)


def is_same_pooling(pool: int, stride: int) -> bool:
    """The same of the windows of "same" pooling."""
    return pool == 1 or (pool, stride) == (3, 1)


def sizes(where: str, config: Mapping[str, Any], key: str, rank: int, default: Any = 1) -> list[int]:
    """A config's integer or list of integers as one per axis. Raises ConfigError."""
    value = config.get(key) or default
    listed = [value] * rank if isinstance(value, int) else value
    if not isinstance(listed, (list, tuple)) or len(listed) != rank:
        raise ConfigError(f"{where}: '{key}' must be an integer or {rank} of them, received {value!r}")
    if not all(isinstance(item, int) and item > 0 for item in listed):
        raise ConfigError(f"{where}: '{key}' must hold positive integers, received {value!r}")
    return list(listed)


def extents(where: str, config: Mapping[str, Any], rank: int) -> list[int]:
    """How far a convolution's kernel reaches along each axis."""
    kernels = sizes(where, config, "kernel_size", rank)
    dilations = sizes(where, config, "dilation_rate", rank)
    return [(kernel - 1) * dilation + 1 for kernel, dilation in zip(kernels, dilations, strict=True)]


def convolution(class_name: str, config: Entry, context: Context) -> list[Entry]:
    """A convolution, after a ZeroPadding layer where its padding is Theano's own."""
    rank, padding = CONVOLUTIONS[class_name], config.get("padding")
    conv: Entry = {"class_name": class_name, "config": config}
    if padding not in ("same", "full"):
        return [conv]
    where = f"layer '{config.get('name')}' ({class_name})"
    reach, strides = extents(where, config, rank), sizes(where, config, "strides", rank)
    if padding == "full":
        pads = [[size - 1, size - 1] for size in reach]
    elif context.backend != "theano" or all(map(is_symmetric, reach, strides)):
        return [conv]
    else:
        pads = [[size // 2, (size - 1) // 2] for size in reach]
    config["padding"] = "valid"
    return [_padding(rank, pads, config), conv]


def _padding(rank: int, pads: list[list[int]], config: Entry) -> Entry:
    """A ZeroPadding layer in front, which takes over what the other said about the model's input."""
    own: Entry = {"name": f"{config.get('name')}_padding", "padding": pads[0] if rank == 1 else pads}
    own |= {key: config.pop(key) for key in ("batch_input_shape", "input_dtype") if key in config}
    if rank > 1:
        own["data_format"] = config.get("data_format")
    return {"class_name": f"ZeroPadding{rank}D", "config": own}


def check_pooling(class_name: str, config: Mapping[str, Any], context: Context) -> None:
    """Raises ConfigError for "same" pooling whose windows start elsewhere on Theano."""
    if context.backend != "theano" or config.get("padding") != "same":
        return
    rank = POOLINGS[class_name]
    where = f"layer '{config.get('name')}' ({class_name})"
    pools = sizes(where, config, "pool_size", rank)
    strides = sizes(where, config, "strides", rank, pools)
    if not all(map(is_same_pooling, pools, strides)):
        raise ConfigError(
            f"{where}: Theano's border_mode='same' starts its windows elsewhere than any other backend for "
            f"pool_size={pools}, strides={strides}; only pool size 3 with stride 1 is supported"
        )


def check_recurrent_convolution(config: Mapping[str, Any], context: Context) -> None:
    """Raises ConfigError for a ConvLSTM2D whose padded convolutions start elsewhere on Theano."""
    if context.backend != "theano":
        return
    where = f"layer '{config.get('name')}' (ConvLSTM2D)"
    kernels, strides = sizes(where, config, "kernel_size", 2), sizes(where, config, "strides", 2)
    padded = config.get("padding") == "same" and not all(map(is_symmetric, kernels, strides))
    if padded or not all(is_symmetric(kernel, 1) for kernel in kernels):
        raise ConfigError(
            f"{where}: Theano pads even kernels and strides {strides} with kernel_size={kernels} as no other "
            "backend does; this is not supported"
        )


def transposed_convolution(config: Entry, context: Context) -> list[Entry]:
    """A transposed convolution of a stated output size, which decides the output padding.

    On Theano, "same" is the middle of the "valid" result. Raises ConfigError for sizes that do not
    follow from kernel and stride.
    """
    where = f"layer '{config.get('name')}' (Conv2DTranspose)"
    output = _spatial(where, config.pop("output_shape", None), config.get("data_format"))
    kernels, strides = sizes(where, config, "kernel_size", 2), sizes(where, config, "strides", 2)
    entry = {"class_name": "Conv2DTranspose", "config": config}
    if config.get("padding") == "full":
        raise ConfigError(f"{where}: border_mode='full' is not supported")
    if config.get("padding") != "same":
        extra = [(size - kernel) % stride for size, kernel, stride in zip(output, kernels, strides, strict=True)]
        if extra != [max(stride - kernel, 0) for kernel, stride in zip(kernels, strides, strict=True)]:
            config["output_padding"] = extra
        return [entry]
    if context.backend == "theano" and not all(map(is_symmetric, kernels, strides)):
        return _cropped(where, entry, output, kernels, strides)
    if any(size % stride for size, stride in zip(output, strides, strict=True)):
        raise ConfigError(
            f"{where}: border_mode='same' with strides {strides} makes sizes that are multiples of them, "
            f"output_shape says {output}"
        )
    return [entry]


def _spatial(where: str, output_shape: Any, data_format: Any) -> list[int]:
    shape = output_shape if isinstance(output_shape, (list, tuple)) and len(output_shape) == 4 else [None] * 4
    spatial = list(shape[2:] if data_format == "channels_first" else shape[1:3])
    if not all(isinstance(size, int) and size > 0 for size in spatial):
        raise ConfigError(f"{where}: output_shape must state height and width, received {output_shape!r}")
    return spatial


def _cropped(where: str, entry: Entry, output: list[int], kernels: list[int], strides: list[int]) -> list[Entry]:
    cropping, extra = [], []
    for size, kernel, stride in zip(output, kernels, strides, strict=True):
        if kernel % 2 == 0:
            raise ConfigError(f"{where}: border_mode='same' with even kernel_size={kernels} fails on Theano itself")
        steps = (size - 1) // stride
        uncropped = steps * stride + kernel
        extra.append(max(0, kernel // 2 + size - uncropped))
        cropping.append([kernel // 2, uncropped + extra[-1] - kernel // 2 - size])
    config = {**entry["config"], "padding": "valid", "output_padding": extra}
    crop = {"name": f"{config.get('name')}_cropping", "cropping": cropping, "data_format": config.get("data_format")}
    return [
        {"class_name": "Conv2DTranspose", "config": config},
        {"class_name": "Cropping2D", "config": crop},
    ]


# --- models that were built without knowing the backend -----------------------------


def check_paddings(model: Model, backend: str | None) -> None:
    """Raises LoadError for a layer whose padding, in a model of the given backend, was another one.

    Models that `upgrade` made for "theano" pass.
    """
    if backend == "tensorflow":
        return
    layer = next((inner for inner in walk(model) if _pads_differ(inner)), None)
    if layer is None:
        return
    where = f"layer '{layer.name}' ({type(layer).__name__})"
    if backend is None:
        raise LoadError(
            f"{where}: Theano and TensorFlow pad differently here, and the weights do not say which of them wrote "
            'them; pass original_backend="theano" or original_backend="tensorflow"'
        )
    raise LoadError(
        f"{where}: its padding 'same' was another one on Theano; load architecture and weights together, from a "
        'whole-model file, with original_backend="theano"'
    )


def _pads_differ(layer: Any) -> bool:
    class_name = type(layer).__name__
    if class_name in POOLINGS:
        return layer.padding == "same" and not all(map(is_same_pooling, layer.pool_size, layer.strides))
    if class_name not in {*CONVOLUTIONS, "Conv2DTranspose", "ConvLSTM2D"}:
        return False
    recurrent = class_name == "ConvLSTM2D" and not all(kernel % 2 for kernel in layer.kernel_size)
    reach = [(k - 1) * d + 1 for k, d in zip(layer.kernel_size, layer.dilation_rate, strict=True)]
    return recurrent or (layer.padding == "same" and not all(map(is_symmetric, reach, layer.strides)))
