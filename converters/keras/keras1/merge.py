"""Merge: one class with modes, before there was one class per mode."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcompat.errors import ConfigError, RefusedLayerError

_CLASSES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate"}

Entry = dict[str, Any]


def upgrade_merge(config: Mapping[str, Any]) -> list[Entry]:
    """The layers that do what a Merge does.

    Meaningless beside a named mode, and left out: output_shape, output_mask and arguments with
    their types, and the axes of other modes. Raises RefusedLayerError for a function as mode,
    ConfigError for what Keras 2 computes differently.
    """
    name, mode = config.get("name"), config.get("mode", "sum")
    where = f"layer '{name}' (Merge)"
    if config.get("mode_type", "raw") != "raw" or not isinstance(mode, str):
        raise RefusedLayerError(
            f"{where}: its mode is a Python function, which is never run; replace the layer by Add, Multiply, "
            "Concatenate or a layer of your own before saving the model"
        )
    if mode == "concat":
        return [_entry("Concatenate", name, axis=config.get("concat_axis", -1))]
    if mode in _CLASSES:
        return [_entry(_CLASSES[mode], name)]
    if mode == "dot":
        return [_entry("Dot", name, axes=_dot_axes(where, config), normalize=False)]
    if mode == "cos":
        return _cosine(where, config)
    raise ConfigError(f"{where}: mode {mode!r} is none of sum, mul, ave, max, concat, dot, cos")


def _entry(class_name: str, name: Any, **config: Any) -> Entry:
    return {"class_name": class_name, "config": {"name": name, **config}}


def _dot_axes(where: str, config: Mapping[str, Any]) -> Any:
    """TensorFlow's batch_dot multiplied the last two axes, whatever the rank: beyond rank 3 that is no Dot."""
    axes = config.get("dot_axes", -1)
    listed = axes if isinstance(axes, list) else [axes]
    if any(isinstance(axis, int) and axis > 2 for axis in listed):
        raise ConfigError(f"{where}: dot_axes={axes} of inputs with more than 3 axes is not supported")
    return axes


def _cosine(where: str, config: Mapping[str, Any]) -> list[Entry]:
    """Cosine of vectors, with an axis more than its own shape inference says: (batch, 1, 1)."""
    axes = _dot_axes(where, config)
    if axes not in (1, -1, [1, 1]):
        raise ConfigError(f"{where}: mode 'cos' is supported between vectors, received dot_axes={axes}")
    name = config.get("name")
    return [
        _entry("Dot", name, axes=axes, normalize=True),
        _entry("Reshape", f"{name}_expanded", target_shape=[1, 1]),
    ]
