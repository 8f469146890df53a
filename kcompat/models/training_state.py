"""What a model knows about its training: kept from the file it was read from, written back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import Configurable, serialize
from ..errors import SaveError
from ..registration import get_registered_name

if TYPE_CHECKING:
    from .trainer import Trainer


@dataclass
class TrainingState:
    """Compile settings and optimizer state.

    config: as in a file: Keras 3's compile_config or the training_config of HDF5 files.
    form: "keras3" or "keras2", the generation whose keys config has.
    optimizer_weights: arrays by name, in file order.
    custom_objects: the caller's classes and functions that config may name.
    """

    config: dict[str, Any]
    form: str = "keras3"
    optimizer_weights: dict[str, np.ndarray] = field(default_factory=dict)
    custom_objects: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)


def describe(trainer: Trainer) -> TrainingState:
    """What a file of Keras 3 holds of a compiled model."""
    loss, loss_weights, metrics, weighted = map(_described, trainer.given)
    config = {
        "optimizer": serialize(trainer.optimizer),
        "loss": loss,
        "loss_weights": loss_weights,
        "metrics": metrics,
        "weighted_metrics": weighted,
        "run_eagerly": False,
        "steps_per_execution": 1,
        "jit_compile": False,
    }
    optimizer = trainer.optimizer
    variables = optimizer.variables if optimizer is not None and optimizer.built else []
    weights = {_unique(v.path, index, variables): v.value for index, v in enumerate(variables)}
    return TrainingState(config, "keras3", weights)


def _unique(path: str, index: int, variables: Any) -> str:
    return path if sum(v.path == path for v in variables) == 1 else f"{path}_{index}"


def _described(setting: Any) -> Any:
    """A loss, a metric, or a nest of such, as Keras 3 writes it. Raises SaveError for what has no name."""
    if isinstance(setting, Mapping):
        return {key: _described(value) for key, value in setting.items()}
    if isinstance(setting, (list, tuple)):
        return [_described(item) for item in setting]
    if isinstance(setting, Configurable):
        return serialize(setting)
    if setting is None or isinstance(setting, (str, int, float)):
        return setting
    name = getattr(setting, "__name__", None)
    if name is None:
        raise SaveError(f"the training setting {setting!r} cannot be written: it is no name, Loss, Metric or function")
    if isinstance(setting, type):
        return {"class_name": name, "config": {}, "module": "keras", "registered_name": get_registered_name(setting)}
    return name
