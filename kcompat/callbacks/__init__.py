"""What runs between the steps of training, as in keras.callbacks."""

from __future__ import annotations

import importlib
from typing import Any

_NAMES = {
    "BackupAndRestore": "backup_and_restore",
    "CSVLogger": "csv_logger",
    "Callback": "callback",
    "CallbackList": "callback_list",
    "EarlyStopping": "early_stopping",
    "History": "history",
    "LambdaCallback": "simple",
    "LearningRateScheduler": "learning_rate",
    "ModelCheckpoint": "model_checkpoint",
    "MonitorCallback": "monitor",
    "ProgbarLogger": "progbar_logger",
    "ReduceLROnPlateau": "learning_rate",
    "SwapEMAWeights": "simple",
    "TensorBoard": "tensorboard",
    "TerminateOnNaN": "simple",
}
"""Public name -> the file that defines it; imported on first use."""

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
