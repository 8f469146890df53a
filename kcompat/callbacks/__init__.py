"""What runs between the steps of training, as in keras.callbacks."""

from __future__ import annotations

from ..catalogue import on_demand

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
__getattr__, __dir__ = on_demand(__name__, _NAMES)
