"""Training settings and optimizer variables, brought into the form of the file to be written.

Settings of Keras 3 are translated for Keras 2 (see `keras2_training`). Those of Keras 2 that Keras 3 cannot
express stay out of the file, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from kcompat.models.training_state import TrainingState
from kcompat.tree import map_structure

from . import keras2_training
from .keras2_training import UNSAID
from .weights_legacy_write import Form

_LOSSES = {
    "mse": "mean_squared_error",
    "MSE": "mean_squared_error",
    "mae": "mean_absolute_error",
    "MAE": "mean_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "MAPE": "mean_absolute_percentage_error",
    "msle": "mean_squared_logarithmic_error",
    "MSLE": "mean_squared_logarithmic_error",
    "bce": "binary_crossentropy",
    "BCE": "binary_crossentropy",
    "kld": "kl_divergence",
    "KLD": "kl_divergence",
}
"""Short names that `compile` takes, and that Keras 3 does not find when it loads an HDF5 model."""

Settings = tuple[dict[str, Any], Mapping[str, np.ndarray]]


def for_archive(state: TrainingState | None) -> Settings | None:
    """Keras 3's compile_config, and the optimizer's variables. None for a model that is not compiled."""
    optimizer = _optimizer(state, "keras3")
    if state is None or optimizer is None:
        return None
    if "optimizer_config" not in state.config:
        given = state.config["optimizer"]
        described = {**given, **optimizer} if isinstance(given, Mapping) else given
        return {**state.config, "optimizer": described}, state.optimizer_weights
    config = {key: value for key, value in state.config.items() if key != "optimizer_config"}
    described = {"module": "keras.optimizers", **optimizer, "registered_name": None}
    return {"optimizer": described, **config}, state.optimizer_weights


def for_hdf5(state: TrainingState | None, form: Form) -> Settings | None:
    """The training_config of an HDF5 model, and the optimizer's variables. None for a model that is not compiled."""
    if form == "keras2" and state is not None and state.form == "keras3":
        state = keras2_training.translated(state)
    optimizer = _optimizer(state, form)
    if state is None or optimizer is None:
        return None
    config = {"loss": None, "metrics": None, "weighted_metrics": None, "loss_weights": None, **state.config}
    config.pop("optimizer", None)
    config["optimizer_config"] = optimizer
    if form == "keras3":
        config["loss"] = map_structure(lambda leaf: _LOSSES.get(leaf, leaf), config["loss"])
    return config, state.optimizer_weights


def _optimizer(state: TrainingState | None, form: Form) -> dict[str, Any] | None:
    """Class and config of the optimizer, if there is one and the form can hold it."""
    if state is None:
        return None
    optimizer = state.config.get("optimizer_config", state.config.get("optimizer"))
    if optimizer is None or not _can_write(state, form):
        return None
    if isinstance(optimizer, str):
        return {"class_name": optimizer, "config": {}}
    class_name = optimizer["class_name"]
    if form == "keras2" and state.form == "keras2_archive" and ">" not in class_name:
        class_name = f"Custom>{class_name}"  # HDF5 files say so; without it tf_keras takes its legacy optimizers
    config = _expressible(class_name, optimizer["config"]) if state.form == "keras3" else optimizer["config"]
    return None if config is None else {"class_name": class_name, "config": config}


def _expressible(class_name: str, config: Mapping[str, Any]) -> dict[str, Any] | None:
    """An optimizer's config without what Keras 3 cannot read; None, with a warning, if that changes its steps."""
    from kcompat.training.optimizers.lookup import extension_fields

    foreign = extension_fields(class_name) & set(config)
    if foreign - UNSAID:
        warnings.warn(
            f"optimizer '{class_name}' computes as in Keras 2 ({', '.join(sorted(foreign - UNSAID))}), which Keras 3 "
            "cannot express; the model is saved uncompiled",
            stacklevel=7,
        )
        return None
    return {name: value for name, value in config.items() if name not in foreign}


def _can_write(state: TrainingState, form: Form) -> bool:
    if state.form.startswith(form):
        return True
    warnings.warn(
        f"the training settings are those of {_title(state.form)} and are not written in the form of {_title(form)}; "
        "the model is saved uncompiled",
        stacklevel=6,
    )
    return False


def _title(form: str) -> str:
    return f"Keras {form.removeprefix('keras')[0]}"
