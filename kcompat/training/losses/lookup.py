"""Losses by name, config or Python function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from ...config import Configurable, registered, table_of
from ...config import serialize as serialize_object
from ...errors import ArgumentError
from ...ir import Value
from ...layers.emitter import Emitter
from ...registration import lookup_custom
from ..functions import LOSSES, Function
from ..numerics import same_rank
from ..tracing import trace
from .base import Loss

_MODULE = "keras.losses"


@registered(_MODULE)
class LossFunctionWrapper(Loss):
    """A function of targets and predictions as a loss.

    fn: a function of `kcompat.losses`, or its name; or a Python function made of `kcompat.ops`. kwargs: what it
    is given besides.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        fn = get(fn)
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction, dtype=dtype)
        self.fn, self.kwargs = fn, kwargs

    neutral: ClassVar[Mapping[str, Any]] = {}

    @property
    def casts_targets(self) -> bool:
        return not isinstance(self.fn, Function)

    def values(self, b: Emitter, y_true: Value, y_pred: Value) -> Value:
        y_true, y_pred = same_rank(b, y_true, y_pred)
        if isinstance(self.fn, Function):
            return self.fn.emit(b, y_true, y_pred, **self.kwargs)
        return trace(b, lambda true, pred: self.fn(true, pred, **self.kwargs), y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": serialize(self.fn), **self.kwargs}


def get(identifier: Any) -> Any:
    """A loss object or function, from an object, class, name, config, Python function or None.

    Names of functions ("mse", "categorical_crossentropy") give functions, those of classes objects, as in
    Keras. Raises ArgumentError for an unknown one.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        return _from_name(identifier)
    if isinstance(identifier, Mapping):
        return _from_config(identifier)
    if isinstance(identifier, type) and issubclass(identifier, Loss):
        return identifier()
    if isinstance(identifier, Loss) or callable(identifier):
        return identifier
    raise ArgumentError(f"a loss is a name, a Loss or a function of (y_true, y_pred), received {identifier!r}")


def _from_name(name: str) -> Any:
    found = lookup_custom(name) or LOSSES.get(name) or table_of(_MODULE).get(name)
    if found is None:
        known = ", ".join(sorted({*LOSSES, *table_of(_MODULE)}))
        raise ArgumentError(f"unknown loss {name!r}; known: {known}")
    return found() if isinstance(found, type) else found


def _from_config(config: Mapping[str, Any]) -> Any:
    name, inner = str(config.get("class_name")), config.get("config")
    if name == "function" or isinstance(inner, str):
        return _from_name(str(inner))
    cls = lookup_custom(config.get("registered_name") or name) or table_of(_MODULE).get(name)
    if cls is None:
        raise ArgumentError(f"unknown loss {name!r}; known: {', '.join(sorted(table_of(_MODULE)))}")
    return cls.from_config(inner or {})


def serialize(loss: Any) -> Any:
    """A loss as Keras 3 writes it: an object's config, or a function's name."""
    if isinstance(loss, Configurable):
        return serialize_object(loss)
    return loss if loss is None or isinstance(loss, str) else loss.__name__


def deserialize(name: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """A loss from what `serialize` returned, of any Keras release."""
    from ...registration import CustomObjectScope

    with CustomObjectScope(custom_objects):
        return get(name)


def kind_of_labels(y_true: Sequence[Any], y_pred: Sequence[Any]) -> str:
    """ "binary", "sparse" or "categorical", as Keras guesses from shapes with the batch axis.

    Source: keras.src.trainers.compile_utils.is_binary_or_sparse_categorical.
    """
    if y_pred[-1] == 1:
        return "binary"
    several = isinstance(y_pred[-1], int) and y_pred[-1] > 1
    sparse = len(y_true) < len(y_pred) or (y_true[-1] == 1 and several)
    return "sparse" if sparse else "categorical"


def resolve_loss(identifier: Any, y_true_shape: Sequence[Any], y_pred_shape: Sequence[Any]) -> Loss | None:
    """The Loss that `compile` makes of an identifier; "crossentropy" and "ce" depend on the shapes.

    A function becomes a loss of its name, or of the name that it was asked for by. Source:
    keras.src.trainers.compile_utils.get_loss.
    """
    if isinstance(identifier, str) and identifier.lower() in ("crossentropy", "ce"):
        kind = kind_of_labels(y_true_shape, y_pred_shape)
        found: Any = LOSSES["sparse_categorical_crossentropy" if kind == "sparse" else f"{kind}_crossentropy"]
    else:
        found = get(identifier)
    if found is None or isinstance(found, Loss):
        return found
    return LossFunctionWrapper(found, name=identifier if isinstance(identifier, str) else None)
