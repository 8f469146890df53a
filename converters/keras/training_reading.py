"""Compiles a model with the settings of a file, of any Keras generation, and fills its optimizer's variables."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kcompat.errors import ConfigError, KcompatError
from kcompat.ir import Variable
from kcompat.models.training import TrainableModel
from kcompat.models.training_state import TrainingState
from kcompat.training import losses, metrics
from kcompat.training.optimizers import LossScaleOptimizer, Nadam, Optimizer
from kcompat.training.optimizers.keras2 import read_optimizer

from . import layouts

_SLOTS: dict[str, tuple[str, ...]] = {
    "SGD": ("momentum",),
    "RMSprop": ("velocity", "momentum", "average_gradient"),
    "Adagrad": ("accumulator",),
    "Adadelta": ("accumulated_grad", "accumulated_delta_var"),
    "Adam": ("momentum", "velocity", "velocity_hat"),
    "AdamW": ("momentum", "velocity", "velocity_hat"),
    "Adamax": ("momentum", "norm"),
    "Nadam": ("momentum", "velocity"),
    "Ftrl": ("accumulator", "linear"),
    "Lion": ("momentum",),
}
"""The slots of optimizers in the order in which Keras 1 and 2 keep them, by their names here."""

_WORDS = {
    "m": "momentum",
    "v": "velocity",
    "vhat": "velocity_hat",
    "rms": "velocity",
    "mg": "average_gradient",
    "accum_grad": "accumulated_grad",
    "accum_var": "accumulated_delta_var",
    "u": "norm",
    "accum": "accumulator",
}
"""What tf.keras calls slots in the names of variables."""

_INNER = "inner_optimizer/"
"""Before the variables of an optimizer inside another, which the outer one has among its own too."""


def restore(model: TrainableModel, state: TrainingState) -> None:
    """Compile a model as the file says. Raises ConfigError for settings that are not known.

    Warns where the optimizer's variables do not fit; it starts anew then.
    """
    config = state.config
    try:
        optimizer = _optimizer(config.get("optimizer_config", config.get("optimizer")), state.form)
        if optimizer is not None and _scales_its_loss(state) and not isinstance(optimizer, LossScaleOptimizer):
            optimizer = LossScaleOptimizer(optimizer, name="loss_scale_optimizer")
        model.compile(
            optimizer,
            loss=_losses(config.get("loss")),
            loss_weights=config.get("loss_weights"),
            metrics=_metrics(config.get("metrics")),
            weighted_metrics=_metrics(config.get("weighted_metrics")),
        )
    except ConfigError:
        raise
    except KcompatError as error:
        raise ConfigError(f"model '{model.name}': the file's training settings: {error}") from None
    if optimizer is not None and state.optimizer_weights:
        if state.form != "keras3" or len(state.optimizer_weights) != len(optimizer.variables):
            optimizer.build(model.trainable_weights)
        _fill(model, optimizer, state)


# --- settings -----------------------------------------------------------------------


def _optimizer(described: Any, form: str) -> Optimizer | None:
    return None if described is None else read_optimizer(described, form)


def _scales_its_loss(state: TrainingState) -> bool:
    """Whether Keras put an optimizer around the one of the settings, as it does for models in float16."""
    return any(name.startswith(_INNER) for name in state.optimizer_weights)


def _losses(described: Any) -> Any:
    return _mapped(described, losses.get)


def _metrics(described: Any) -> Any:
    return _mapped(described, _metric)


def _mapped(described: Any, read: Any) -> Any:
    """A nest of settings with the configs in it read; names stay names."""
    if isinstance(described, (list, tuple)):
        return [_mapped(item, read) for item in described]
    if isinstance(described, Mapping):
        if "class_name" in described:
            return read(described)
        return {key: _mapped(item, read) for key, item in described.items()}
    return described


def _metric(described: Mapping[str, Any]) -> Any:
    """A metric; Keras 2 wraps functions, by which "accuracy" and the like were meant."""
    config = described.get("config")
    function = config.get("fn") if isinstance(config, Mapping) else None
    if described.get("class_name") not in ("MeanMetricWrapper", "SumOverBatchSizeMetricWrapper") or function is None:
        return metrics.get(described)
    assert isinstance(config, Mapping)
    name = function if isinstance(function, str) else function.get("config")
    metric = metrics.resolve_metric(str(name), (None, 1), (None, 1))
    metric.name = str(config.get("name", name))
    return metric


# --- variables ----------------------------------------------------------------------


def _fill(model: TrainableModel, optimizer: Optimizer, state: TrainingState) -> None:
    arrays = {name: array for name, array in state.optimizer_weights.items() if not name.startswith(_INNER)}
    if state.form == "keras3" or all(name.isdigit() for name in arrays):
        values = _in_order(optimizer, list(arrays.values()), with_rate=state.form == "keras3")
    else:
        values = _by_slot(model, optimizer, arrays)
    if values is None:
        warnings.warn(
            f"the file's optimizer has {len(arrays)} variables that do not fit {optimizer}; it starts anew",
            stacklevel=8,
        )
        return
    for variable, array in values:
        variable.assign(array)
    if isinstance(optimizer, Nadam) and optimizer.built and not any(v is optimizer.product for v, _ in values):
        optimizer.restore_product()


Values = list[tuple[Variable, np.ndarray]]


def _in_order(optimizer: Optimizer, arrays: Sequence[np.ndarray], with_rate: bool) -> Values | None:
    """Numbered variables, which come in Keras 3's order; tf_keras has no variable for the learning rate."""
    variables = optimizer.variables
    if not with_rate:
        slots = [v for v in variables if v.name != "learning_rate" and v is not optimizer.iteration]
        # Keras 3 alone stores scalars: Nadam's product, and in the place of slots that Adafactor does not use
        variables = [optimizer.iteration, *(v for v in slots if v.ndim or sum(not a.ndim for a in arrays) > 1)]
        arrays = arrays[:1] if not slots else arrays  # tf_keras stores a momentum of SGD that has none
    if [v.shape for v in variables] != [a.shape for a in arrays]:
        return None
    return list(zip(variables, arrays, strict=True))


def _by_slot(model: TrainableModel, optimizer: Optimizer, arrays: Mapping[str, np.ndarray]) -> Values | None:
    """Named variables of Keras 1 and 2: the number of steps, and slots in the order of the trained variables.

    On Theano names have no ":0", and kernels of convolutions are turned.
    """
    backend = None if any(":" in name for name in arrays) else "theano"
    values: Values = []
    rest: dict[str, np.ndarray] = {}
    for position, (name, array) in enumerate(arrays.items()):
        if array.ndim == 0 and (position == 0 or name.rpartition("/")[2].startswith(("iter", "iteration"))):
            values.append((optimizer.iteration, np.asarray(array, np.int64)))
        elif isinstance(optimizer, Nadam) and not array.ndim:
            values.append((optimizer.product, array))
        else:
            rest[name] = array
    groups = _groups(optimizer, rest)
    if groups is None:
        return None
    for slot, group in groups.items():
        if slot not in optimizer._slots:
            continue
        group = layouts.convert(model, optimizer.trained, group, backend=backend)
        for variable, array in zip(optimizer.trained, group, strict=True):
            if array.shape != variable.shape:
                return None
            values.append((optimizer.slot(variable, slot), array))
    return values


def _groups(optimizer: Optimizer, arrays: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]] | None:
    """The arrays of each slot."""
    count = len(optimizer.trained)
    known = _SLOTS.get(type(optimizer).__name__, ())
    named = {name: _slot_named(name, known) for name in arrays}
    groups: dict[str, list[np.ndarray]] = {}
    if all(slot is not None for slot in named.values()):
        for name, slot in named.items():
            groups.setdefault(str(slot), []).append(arrays[name])
    else:
        ordered = list(arrays.values())
        groups = {slot: ordered[i * count : (i + 1) * count] for i, slot in enumerate(known) if ordered[i * count :]}
    fits = all(len(groups.get(slot, ())) == count for slot in optimizer._slots)
    return groups if fits else None


def _slot_named(name: str, known: Sequence[str]) -> str | None:
    """The slot that a part of a variable's name says: `Adam/dense/kernel/m:0`, or `Adam/m/dense/kernel:0`."""
    parts = name.partition(":")[0].split("/")
    for part in (parts[-1], *parts[1:2]):
        slot = part if part in known else _WORDS.get(part)
        if slot in known:
            return slot
    return None
