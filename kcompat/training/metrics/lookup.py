"""Metrics by name, config or Python function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...config import table_of
from ...errors import ArgumentError
from ...registration import CustomObjectScope, lookup_custom
from ..losses.lookup import kind_of_labels, serialize
from .accuracy import BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy
from .base import Metric
from .reduction import MeanMetricWrapper

_MODULE = "keras.metrics"
_ALIASES = {
    "bce": "BinaryCrossentropy",
    "mse": "MeanSquaredError",
    "mae": "MeanAbsoluteError",
    "mape": "MeanAbsolutePercentageError",
    "msle": "MeanSquaredLogarithmicError",
}
_ALIASES.update({name.upper(): cls for name, cls in _ALIASES.items()})

__all__ = ["deserialize", "get", "resolve_metric", "serialize"]


def _table() -> Mapping[str, Any]:
    classes = table_of(_MODULE)
    return {**classes, **{alias: classes[name] for alias, name in _ALIASES.items()}}


def get(identifier: Any) -> Any:
    """A metric object or a function, from an object, class, name, config, Python function or None.

    Raises ArgumentError for an unknown one.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        return _from_name(identifier)
    if isinstance(identifier, Mapping):
        return _from_config(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Metric):
        return identifier()
    if isinstance(identifier, Metric) or callable(identifier):
        return identifier
    raise ArgumentError(f"a metric is a name, a Metric or a function of (y_true, y_pred), received {identifier!r}")


def _from_name(name: str) -> Any:
    found = lookup_custom(name) or _table().get(name)
    if found is None:
        raise ArgumentError(f"unknown metric {name!r}; known: {', '.join(sorted(_table()))}")
    return found() if isinstance(found, type) else found


def _from_config(config: Mapping[str, Any]) -> Any:
    name, inner = str(config.get("class_name")), config.get("config")
    if name == "function" or isinstance(inner, str):
        return _from_name(str(inner))
    cls = lookup_custom(config.get("registered_name") or name) or _table().get(name)
    if cls is None:
        raise ArgumentError(f"unknown metric {name!r}; known: {', '.join(sorted(_table()))}")
    return cls.from_config(inner or {})


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A metric from what `serialize` returned, of any Keras release."""
    with CustomObjectScope(custom_objects):
        return get(config)


_ACCURACIES = {
    "binary": BinaryAccuracy,
    "sparse": SparseCategoricalAccuracy,
    "categorical": CategoricalAccuracy,
}


def resolve_accuracy(y_true_shape: Sequence[Any], y_pred_shape: Sequence[Any], name: str = "accuracy") -> Metric:
    """The accuracy that "accuracy" and "acc" stand for; shapes have the batch axis.

    Binary for one prediction a sample, sparse where targets have fewer axes, or one class number where there
    are several predictions, else categorical. Source: keras.src.trainers.compile_utils.get_metric.
    """
    metric: Metric = _ACCURACIES[kind_of_labels(y_true_shape, y_pred_shape)](name=name)
    return metric


def resolve_metric(identifier: Any, y_true_shape: Sequence[Any], y_pred_shape: Sequence[Any]) -> Metric:
    """The Metric that `compile` makes of an identifier; asked for by a name, it is named so.

    Raises ArgumentError for an unknown one.
    """
    name = identifier if isinstance(identifier, str) else None
    if name is not None and name.lower() in ("accuracy", "acc"):
        return resolve_accuracy(y_true_shape, y_pred_shape, name)
    found = get(identifier)
    if found is None:
        raise ArgumentError("a metric is missing: received None")
    metric: Metric = found if isinstance(found, Metric) else MeanMetricWrapper(found)
    if name is not None:
        metric.name = name
    return metric
