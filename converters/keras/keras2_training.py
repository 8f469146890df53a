"""Training settings and optimizer variables of Keras 3 in the words of tf_keras."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from kcompat.models.training_state import TrainingState

_OPTIMIZERS = frozenset(
    {
        *("Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax"),
        *("Ftrl", "Lion", "Nadam", "RMSprop", "SGD"),
    }
)
"""What tf_keras 2.21 has."""

UNSAID = frozenset({"sums_rows"})
"""What optimizers of Keras 2 do otherwise and files do not tell: every generation does it its own way."""

_ADDED = ("gradient_accumulation_steps", "loss_scale_factor")
"""Arguments that are new in Keras 3."""


def translated(state: TrainingState) -> TrainingState | None:
    """The state for an HDF5 file of tf_keras; None, with a warning, where it has no word for an optimizer's ways."""
    config = {key: _legacy(value) for key, value in state.config.items() if "optimizer" not in key}
    given = state.config.get("optimizer_config", state.config.get("optimizer"))
    if given is None:
        return None
    if isinstance(given, str):
        return TrainingState({**config, "optimizer_config": {"class_name": given, "config": {}}}, "keras2")
    name, inner = str(given["class_name"]), dict(given["config"])
    problem = _problem(name, inner)
    if problem is not None:
        warnings.warn(f"optimizer '{name}' {problem} in Keras 2; the model is saved uncompiled", stacklevel=7)
        return None
    own = {key: value for key, value in inner.items() if key not in (*_ADDED, *UNSAID)}
    own |= {"jit_compile": False, "is_legacy_optimizer": False}
    described = {"class_name": f"Custom>{name}", "config": own}
    weights = _variables(name, own, state.optimizer_weights)
    return TrainingState({**config, "optimizer_config": described}, "keras2", weights)


def _problem(name: str, config: Mapping[str, Any]) -> str | None:
    """Why tf_keras cannot have an optimizer."""
    if name not in _OPTIMIZERS:
        return "does not exist"
    added = [key for key in _ADDED if config.get(key) is not None]
    if added:
        return f"has no '{added[0]}'"
    from kcompat.training.optimizers.lookup import extension_fields

    foreign = [key for key in config if key in extension_fields(name) - UNSAID]
    return f"is another than that before Keras 2.11 ({', '.join(foreign)})" if foreign else None


def _variables(name: str, config: Mapping[str, Any], weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The variables in tf_keras's order: without the learning rate, and of Adafactor without unused slots.

    None are written for SGD without momentum, of which tf_keras keeps one nevertheless.
    """
    if not weights or (name == "SGD" and not config.get("momentum")):
        return {}
    items = list(weights.items())
    first = 1 if isinstance(config.get("learning_rate"), Mapping) else 2
    slots = [(key, array) for key, array in items[first:] if array.ndim or name == "Nadam"]
    return {"iteration:0": items[0][1], **{f"{key}:0": array for key, array in slots}}


def _legacy(setting: Any) -> Any:
    """Losses and metrics without the entries that Keras 3 added to their configs."""
    if isinstance(setting, list):
        return [_legacy(item) for item in setting]
    if not isinstance(setting, Mapping):
        return setting
    if "class_name" not in setting:
        return {key: _legacy(value) for key, value in setting.items()}
    config = {key: value for key, value in (setting.get("config") or {}).items() if key != "dtype"}
    return {"class_name": setting["class_name"], "config": config}
