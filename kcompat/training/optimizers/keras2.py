"""Optimizers of Keras 1 and 2 in the words of Keras 3: their configs, and their variables as files hold them.

There were three families. v1: Keras up to 2.3 and tf.keras up to TensorFlow 1.12. v2: tf.keras up to 2.10, later
`optimizers.legacy`. new: tf.keras from 2.11, from which those of Keras 3 descend. Where a family computes what
Keras 3 cannot express, extension fields say so: `epsilon_outside`, `schedule_decay`, `sums_rows`.
Sources: keras/optimizers.py of Keras 1.2 to 2.3, tf_keras/src/optimizers{/legacy,} 2.21.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import numpy as np

from ...config import CLASSES
from ...errors import ConfigError, WeightMismatchError
from ...ir import Variable
from .adam import Nadam
from .base import Optimizer
from .common import MODULE
from .factored import Adafactor
from .schedules import InverseTimeDecay

_SMALL = 1e-7
"""What an epsilon of None stood for."""

_WITHOUT_MEANING = ("jit_compile", "is_legacy_optimizer", "ema_momentum", "ema_overwrite_frequency")

_SLOTS = {
    "m": "momentum",
    "v": "velocity",
    "vhat": "velocity_hat",
    "momentum": "momentum",
    "rms": "velocity",
    "mg": "average_gradient",
    "accumulator": "accumulator",
    "accum_grad": "accumulated_grad",
    "accum_var": "accumulated_delta_var",
    "linear": "linear",
}
"""Slots of v2 by the ends of their names."""


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
    if family != "new":
        config = _from_old(name, config, family)
    return {**config, "sums_rows": True}


def family_of(spec: Mapping[str, Any], form: str) -> str:
    """ "v1", "v2" or "new"."""
    config = spec["config"]
    if config.get("is_legacy_optimizer"):
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


def restore_state(optimizer: Optimizer, arrays: Mapping[str, np.ndarray], spec: Any, form: str = "keras3") -> None:
    """Give a built optimizer the variables of a file, in the file's order and by its names.

    spec, form: as for `read_optimizer`. Raises WeightMismatchError, changing none, unless all shapes fit.
    """
    values = list(arrays.values())
    if form == "keras3":
        optimizer.set_weights(values)
        return
    family = family_of({"class_name": spec, "config": {}} if isinstance(spec, str) else spec, form)
    pairs = {"v1": _of_v1, "v2": _of_v2, "new": _of_new}[family](optimizer, arrays)
    wrong = [(variable.path, variable.shape, array.shape) for variable, array in pairs if variable.shape != array.shape]
    if wrong:
        raise WeightMismatchError(f"{optimizer}: variables of the file do not fit: path, shape, received: {wrong}")
    for variable, array in pairs:
        variable.assign(array)


Pairs = list[tuple[Variable, np.ndarray]]


def _of_v1(optimizer: Optimizer, arrays: Mapping[str, np.ndarray]) -> Pairs:
    """Perhaps the number of steps; then each slot for all variables."""
    values = list(arrays.values())
    pairs: Pairs = []
    if values and not values[0].ndim:
        pairs.append((optimizer.iteration, values.pop(0)))
    rest = iter(values)
    for kind in optimizer.slot_names:
        group = list(islice(rest, len(optimizer.trained)))
        pairs += _zipped(optimizer, [optimizer.slot(variable, kind) for variable in optimizer.trained], group)
    return pairs


def _of_v2(optimizer: Optimizer, arrays: Mapping[str, np.ndarray]) -> Pairs:
    """By the ends of names: "Adam/dense/kernel/m:0"."""
    pairs: Pairs = []
    groups: dict[str, list[np.ndarray]] = {}
    for name, array in arrays.items():
        end = name.rpartition("/")[2].partition(":")[0]
        if end == "iter":
            pairs.append((optimizer.iteration, array))
        elif end == "momentum_cache":
            pairs.append((_product(optimizer), array))
        else:
            groups.setdefault(end, []).append(array)
    for end, group in groups.items():
        kind = _SLOTS.get(end)
        kind = "norm" if kind == "velocity" and "norm" in optimizer.slot_names else kind
        if kind not in optimizer.slot_names:
            raise WeightMismatchError(f"{optimizer}: the file has variables '.../{end}', which this optimizer has not")
        pairs += _zipped(optimizer, [optimizer.slot(variable, kind) for variable in optimizer.trained], group)
    return pairs


def _product(optimizer: Optimizer) -> Variable:
    if not isinstance(optimizer, Nadam):
        raise WeightMismatchError(f"{optimizer}: the file has a momentum_cache, which this optimizer has not")
    return optimizer.product


def _of_new(optimizer: Optimizer, arrays: Mapping[str, np.ndarray]) -> Pairs:
    """Those of Keras 3 without the learning rate. SGD kept momentums even of no momentum."""
    values = list(arrays.values())
    kept = list(_kept_by_new(optimizer))
    unused = len(optimizer.trained) if not optimizer.slot_names else 0
    return _zipped(optimizer, kept, values[: len(values) - unused] if len(values) > len(kept) else values)


def _kept_by_new(optimizer: Optimizer) -> Iterator[Variable]:
    """Files have neither Nadam's product, which begins anew, nor what Adafactor has no use for."""
    for variable in optimizer.variables:
        placeholder = isinstance(optimizer, Adafactor) and variable.dtype == "int32"
        rate = variable.name == "learning_rate"
        product = isinstance(optimizer, Nadam) and variable is optimizer.product
        if not (placeholder or rate or product):
            yield variable


def _zipped(optimizer: Optimizer, variables: list[Variable], values: list[np.ndarray]) -> Pairs:
    if len(variables) != len(values):
        raise WeightMismatchError(
            f"{optimizer}: has variables {[(v.path, v.shape) for v in variables]}, the file has "
            f"{[array.shape for array in values]}"
        )
    return list(zip(variables, values, strict=True))
