"""Optimizers of Keras 1 and 2 in the words of Keras 3.

There were three families. v1: Keras up to 2.3 and tf.keras up to TensorFlow 1.12. v2: tf.keras up to 2.10, later
`optimizers.legacy`. new: tf.keras from 2.11, from which those of Keras 3 descend. Where a family computes what
Keras 3 cannot express, extension fields say so: `epsilon_outside`, `schedule_decay`, `sums_rows`.
Sources: keras/optimizers.py of Keras 1.2 to 2.3, tf_keras/src/optimizers{/legacy,} 2.21.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...config import CLASSES
from ...errors import ConfigError
from .base import Optimizer
from .common import MODULE
from .schedules import InverseTimeDecay

_SMALL = 1e-7
"""What an epsilon of None stood for."""

_WITHOUT_MEANING = ("jit_compile", "is_legacy_optimizer", "ema_momentum", "ema_overwrite_frequency")


def read_optimizer(spec: Any, form: str = "keras3") -> Optimizer:
    """The optimizer of a file's training settings.

    spec: its class name and config, or its name. form: as in `TrainingState`: "keras3", "keras2" or
    "keras2_archive". Raises ConfigError naming class and key for what has no exact equal.
    """
    spec = {"class_name": spec, "config": {}} if isinstance(spec, str) else spec
    if not isinstance(spec, Mapping) or not isinstance(spec.get("config"), Mapping):
        raise ConfigError(f"an optimizer is described by class_name and config, received {spec!r:.100}")
    name = str(spec.get("class_name")).rpartition(">")[2]
    cls = next((cls for key, cls in CLASSES[MODULE].items() if key.lower() == name.lower()), None)
    if cls is None:
        raise ConfigError(f"optimizer '{name}' is not known here; compile the model anew")
    config = spec["config"] if form == "keras3" else _translated(name, spec, form)
    optimizer: Optimizer = cls.from_config(config)
    return optimizer


def _translated(name: str, spec: Mapping[str, Any], form: str) -> dict[str, Any]:
    config, family = dict(spec["config"]), family_of(spec, form)
    if config.get("use_ema"):
        raise ConfigError(f"optimizer '{name}': use_ema of Keras 2 starts its averages otherwise than Keras 3")
    for key in _WITHOUT_MEANING:
        config.pop(key, None)
    if "learning_rate" in config:
        config["learning_rate"] = _named(config["learning_rate"])
    if family != "new":
        config = _from_old(name, config, family)
    return {**config, "sums_rows": True}


def _named(rate: Any) -> Any:
    """A rate, or the config of a schedule without the name None that Keras 2 gives those without a name."""
    if not isinstance(rate, Mapping) or not isinstance(rate.get("config"), Mapping):
        return rate
    return {**rate, "config": {key: item for key, item in rate["config"].items() if (key, item) != ("name", None)}}


def family_of(spec: Mapping[str, Any], form: str) -> str:
    """ "v1", "v2" or "new"."""
    config = spec["config"]
    if config.get("is_legacy_optimizer") or str(spec.get("module")).endswith(".legacy"):
        return "v2"
    if form == "keras2_archive" or ">" in str(spec["class_name"]) or "jit_compile" in config:
        return "new"
    return "v2" if "name" in config else "v1"


def _from_old(name: str, config: dict[str, Any], family: str) -> dict[str, Any]:
    if "lr" in config:
        config["learning_rate"] = config.pop("lr")
    decay = config.pop("decay", 0.0) or 0.0
    if name == "Nadam":
        config["schedule_decay"] = config.get("schedule_decay", decay or 0.004)
        decay = 0.0
    if decay:
        config["learning_rate"] = _decaying(name, config.get("learning_rate"), decay)
    if "epsilon" in config and config["epsilon"] is None:
        config["epsilon"] = _SMALL
    if name == "Adagrad" or (name == "RMSprop" and not config.get("momentum")):
        config["epsilon_outside"] = True
    if family == "v1":
        if name == "Adagrad":
            config["initial_accumulator_value"] = 0.0
        if "clipnorm" in config:  # of all gradients together
            config["global_clipnorm"] = config.pop("clipnorm")
    return config


def _decaying(name: str, rate: Any, decay: float) -> InverseTimeDecay:
    """rate / (1 + decay * step)."""
    if isinstance(rate, Mapping):
        raise ConfigError(f"optimizer '{name}': decay={decay} of a schedule has no equal in Keras 3")
    return InverseTimeDecay(float(rate), 1, decay)
