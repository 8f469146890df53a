"""The metrics of a compiled model, and what logs call them.

Names and order are those of keras.src.trainers.compile_utils.CompileMetrics 3.15.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ir import Value, Variable
from ..layers.emitter import Emitter
from ..tree import flatten
from .metrics import Metric, resolve_metric
from .outputs import Outputs

_ByOutput = list[list[Metric]]


class CompiledMetrics:
    """What `compile(metrics=..., weighted_metrics=...)` says, resolved once the shapes of data are known."""

    name = "compile_metrics"

    def __init__(self, metrics: Any, weighted: Any, outputs: Outputs) -> None:
        self.outputs = outputs
        self.given = self._entries(metrics, "metrics")
        self.given_weighted = self._entries(weighted, "weighted_metrics")
        self.plain: _ByOutput = []
        self.weighted: _ByOutput = []
        self.resolved = False
        self.on_host = False
        """Whether a metric takes arrays after each step."""
        for identifier in flatten([self.given, self.given_weighted]):
            if isinstance(identifier, str):
                resolve_metric(identifier, (None, 1), (None, 1))

    def _entries(self, metrics: Any, what: str) -> list[list[Any]]:
        """The metrics of each output."""
        if not metrics:
            return [[] for _ in range(self.outputs.count)]
        if not isinstance(metrics, (list, tuple, dict)):
            raise ArgumentError(f"{what} must be a list or a dict, received {metrics!r}")
        if self.outputs.count == 1:
            if isinstance(metrics, dict):
                metrics = self.outputs.settings(metrics, what, partial=True)
            return [[metric for metric in flatten(list(metrics)) if metric is not None]]
        entries = self.outputs.settings(metrics, what, partial=True)
        return [_listed(entry) for entry in entries]

    @property
    def used(self) -> list[bool]:
        """Which outputs have a metric."""
        return [bool(a or b) for a, b in zip(self.given, self.given_weighted, strict=True)]

    @property
    def metrics(self) -> list[Metric]:
        """All metrics, those without weights first."""
        return [metric for part in (self.plain, self.weighted) for metrics in part for metric in metrics]

    def resolve(self, true_shapes: Sequence[Any], pred_shapes: Sequence[Any]) -> None:
        """Make the metrics, for the shapes of targets and predictions."""
        if self.resolved:
            return
        shapes = [(true or (), pred) for true, pred in zip(true_shapes, pred_shapes, strict=True)]
        self.plain, self.weighted = (
            [[resolve_metric(entry, *shape) for entry in entries] for entries, shape in zip(given, shapes, strict=True)]
            for given in (self.given, self.given_weighted)
        )
        self.resolved = True
        self.on_host = not all(metric.emits for metric in self.metrics)

    def emit_updates(
        self, b: Emitter, y_true: Sequence[Value | None], y_pred: Sequence[Value], weights: Sequence[Value | None]
    ) -> None:
        """Let all metrics that a graph can hold take a batch."""
        for metric, true, pred, weight in self._updates(y_true, y_pred, weights):
            if metric.emits:
                metric.ensure_built(true, pred)
                metric.emit_update(b, true, pred, weight)

    def update_on_host(
        self,
        y_true: Sequence[np.ndarray | None],
        y_pred: Sequence[np.ndarray],
        weights: Sequence[np.ndarray | None],
    ) -> None:
        """Let the other metrics take a batch, as arrays."""
        for metric, true, pred, weight in self._updates(y_true, y_pred, weights):
            if not metric.emits:
                metric.update_state(true, pred, **({} if weight is None else {"sample_weight": weight}))

    def _updates(self, y_true: Any, y_pred: Any, weights: Any) -> Iterator[tuple[Metric, Any, Any, Any]]:
        for part, is_weighted in ((self.plain, False), (self.weighted, True)):
            for metrics, true, pred, weight in zip(part, y_true, y_pred, weights, strict=True):
                for metric in metrics:
                    if true is None:
                        raise ArgumentError(f"metric '{metric.name}' needs targets, and there are none")
                    yield metric, true, pred, weight if is_weighted else None

    def result(self) -> dict[str, Any]:
        """The result of each metric by the name that logs have for it."""
        results: dict[str, Any] = {}
        for part, prefix in ((self.plain, ""), (self.weighted, "weighted_")):
            for metrics, output in zip(part, self.outputs.metric_names, strict=False):
                for metric in metrics:
                    results[self._log_name(metric.name, output, prefix, results)] = metric.result()
        return results

    def reset_state(self) -> None:
        """Forget all batches."""
        for metric in self.metrics:
            metric.reset_state()

    @property
    def variables(self) -> list[Variable]:
        """The state of all metrics."""
        return [variable for metric in self.metrics for variable in metric.variables]

    def _log_name(self, name: str, output: str, prefix: str, taken: dict[str, Any]) -> str:
        """`accuracy`, or `output_accuracy`; repeated ones `weighted_accuracy`, then with a number."""
        lead = f"{output}_" if self.outputs.count > 1 and self.outputs.named else ""
        full = f"{lead}{name}"
        if full in taken and prefix:
            full = f"{lead}{prefix}{name}"
        number, candidate = 0, full
        while candidate in taken:
            number += 1
            candidate = f"{full}_{number}"
        return candidate


def _listed(entry: Any) -> list[Any]:
    if entry is None:
        return []
    return [metric for metric in entry if metric is not None] if isinstance(entry, (list, tuple)) else [entry]
