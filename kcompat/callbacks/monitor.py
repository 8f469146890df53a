"""MonitorCallback: what callbacks share that watch one number of the logs."""

from __future__ import annotations

import warnings
from typing import Any

from ..errors import ArgumentError
from .callback import Callback

_HIGH = frozenset(
    {
        *("Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "SparseCategoricalAccuracy"),
        *("TopKCategoricalAccuracy", "SparseTopKCategoricalAccuracy"),
        *("AUC", "Precision", "Recall", "PrecisionAtRecall", "RecallAtPrecision"),
        *("SensitivityAtSpecificity", "SpecificityAtSensitivity", "FBetaScore", "F1Score"),
        *("ConcordanceCorrelation", "PearsonCorrelation", "CosineSimilarity", "R2Score"),
        *("IoU", "BinaryIoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"),
    }
)
"""Metrics that are to be high."""

_LOW = frozenset(
    {
        *("Hinge", "SquaredHinge", "CategoricalHinge", "KLDivergence", "Poisson"),
        *("BinaryCrossentropy", "CategoricalCrossentropy", "SparseCategoricalCrossentropy"),
        *("MeanSquaredError", "RootMeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError"),
        *("MeanSquaredLogarithmicError", "LogCoshError", "Mean"),
    }
)
"""Metrics that are to be low."""


class MonitorCallback(Callback):
    """Watches `monitor` in the logs of epochs.

    mode: "min", "max", or "auto": by the name "loss", or the direction of the metric of that name.
    baseline: the best value to begin with. min_delta: smaller changes are no improvement.
    Source: keras.callbacks.MonitorCallback.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(f"{type(self).__name__}: mode {mode!r} is unknown, 'auto' is taken", stacklevel=3)
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.best: Any = baseline
        self.min_delta = abs(min_delta)

    def improves(self, value: Any, reference: Any) -> bool:
        """Whether a value is better than a reference, or there is none. Raises ArgumentError."""
        if reference is None:
            return True
        if self.mode == "auto":
            self.mode = self._direction()
        return bool(value - self.min_delta > reference if self.mode == "max" else value + self.min_delta < reference)

    def _direction(self) -> str:
        name = self.monitor.removeprefix("val_")
        if name == "loss":
            return "min"
        for metric in self.model.metrics:
            for inner in getattr(metric, "metrics", [metric]):
                if inner.name == name and type(inner).__name__ in _HIGH | _LOW:
                    return "max" if type(inner).__name__ in _HIGH else "min"
        raise ArgumentError(
            f"{type(self).__name__}: whether '{self.monitor}' is better high or low is not known; "
            "pass mode='max' or mode='min'"
        )
