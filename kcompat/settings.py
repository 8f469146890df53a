"""The process's defaults for what a layer or a function is not told: `keras.backend`'s settings."""

from __future__ import annotations

from .errors import ArgumentError

_FLOATS = ("bfloat16", "float16", "float32", "float64")
_FORMATS = ("channels_last", "channels_first")

_image_data_format = "channels_last"
_floatx = "float32"
_epsilon = 1e-7
_dtype_policy: str | None = None

flags = {"interactive_logging": True, "traceback_filtering": True}
"""Switches of `keras.config`."""

limits: dict[str, int | None] = {"epochs": None, "steps": None}
"""How many epochs, and steps of one, training makes at most."""


def image_data_format() -> str:
    """Where layers that are not told find the channels: "channels_last" or "channels_first"."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Change it, for layers made from now on. Raises ArgumentError for another word."""
    global _image_data_format
    if data_format not in _FORMATS:
        raise ArgumentError(f"image_data_format must be one of {_FORMATS}, received {data_format!r}")
    _image_data_format = data_format


def floatx() -> str:
    """The dtype of layers that are not told theirs."""
    return _floatx


def set_floatx(value: str) -> None:
    """Change it, for layers made from now on. Raises ArgumentError for a dtype that is not floating."""
    global _floatx
    if value not in _FLOATS:
        raise ArgumentError(f"floatx must be one of {_FLOATS}, received {value!r}")
    _floatx = value


def dtype_policy() -> str:
    """The name of the dtype policy of layers that are not told theirs: by default `floatx`."""
    return _dtype_policy or _floatx


def set_dtype_policy(name: str | None) -> None:
    """Change it, for layers made from now on; None for `floatx`."""
    global _dtype_policy
    _dtype_policy = name


def epsilon() -> float:
    """The small number that functions without an epsilon of their own add to divisors."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Change it."""
    global _epsilon
    _epsilon = float(value)
