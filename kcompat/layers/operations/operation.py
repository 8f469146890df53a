"""Operation: a function of tensors as a node of a model's graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import numpy as np

from ...catalogue import Catalogue
from ...config import Int, IntOrInts, Kind, optional, registered
from ...errors import ArgumentError
from ...ir import Value, Variable
from ...ir.types import DTYPES
from ...naming import to_snake_case
from ...reference import evaluate
from ...tree import flatten, map_structure
from ..base import Layer
from ..emitter import Emitter

_ROOT = "keras.src.ops."

MODULES = tuple(_ROOT + name for name in ("numpy", "nn", "core", "math", "linalg", "image"))
"""The modules of operations, in the order in which a class is looked for that a file names alone."""

FUNCTIONS: Catalogue[type[Operation]] = Catalogue("keras.ops")
"""The operation behind each function of `keras.ops`, by its name there: "mean", "image.resize"."""

T = TypeVar("T", bound="type[Operation]")
Emit = Callable[..., Any]


class Operation(Layer):
    """What `keras.ops` and operators on KerasTensors put into functional models: a layer without weights.

    A subclass lists as Fields what Keras's config of it holds, and its tensors as the parameters of
    `emit`; they may be Values, arrays and Python numbers, and are not cast to the layer's dtype.
    Its name, module and config are those of Keras 3.15.
    """

    parameters: ClassVar[tuple[str, ...]] = ()
    """The arguments of the function in `keras.ops`, where they are not tensors, fields, optional tensors."""
    named: ClassVar[tuple[str, ...]] = ()
    """What `keras.ops` passes by name; Keras expects everything else by position, given or not."""

    def __init__(self, *args: Any, name: str | None = None, **kwargs: Any) -> None:
        if "dtype" in kwargs:  # a layer has a dtype of its own
            kwargs["result_dtype"] = kwargs.pop("dtype")
        super().__init__(*args, name=name, autocast=False, **kwargs)

    @property
    def has_state(self) -> bool:
        return False

    @property
    def takes_mask(self) -> bool:
        """Masks of sequences end here, as in Keras."""
        return False

    def get_config(self) -> dict[str, Any]:
        return {"dtype" if key == "result_dtype" else key: value for key, value in super().get_config().items()}

    def base_config(self) -> dict[str, Any]:
        return {"name": self.name}

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs for arrays and numbers, evaluated with the operators' NumPy meanings."""
        emitter = Emitter()
        args, kwargs = map_structure(lambda leaf: leaf.value if isinstance(leaf, Variable) else leaf, (args, kwargs))
        values = emitter.call(self, *args, **kwargs)
        results = iter(evaluate(emitter.build(flatten(values)), []))
        return map_structure(lambda _: next(results), values)


def operation(namespace: str, *functions: str) -> Callable[[T], T]:
    """Enter a class under Keras's module of it, and behind its functions in `keras.ops`.

    functions: their names, by default that of the class in snake case; "" for none.
    """

    def register(cls: T) -> T:
        for name in filter(None, functions or (to_snake_case(cls.__name__),)):
            FUNCTIONS.enter(name, cls)
        return registered(_ROOT + namespace)(cls)

    return register


def function_of(namespace: str, name: str, *functions: str) -> Callable[[Emit], Emit]:
    """Make a class without fields of a function `(b, *tensors) -> Value`, which stays as it is.

    Its parameters, after the builder, are those of the class's `emit`.
    """

    def make(function: Emit) -> Emit:
        def emit(self: Operation, b: Emitter, *args: Any, **kwargs: Any) -> Any:
            return function(b, *args, **kwargs)

        inner = inspect.signature(function)
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
        emit.__signature__ = inner.replace(parameters=[own, *inner.parameters.values()])  # type: ignore[attr-defined]
        body = {"emit": emit, "__doc__": function.__doc__, "__module__": function.__module__}
        operation(namespace, *functions)(type(name, (Operation,), body))
        return function

    return make


def standard_dtype(value: Any) -> str:
    """The name of a dtype given as name, Python type or NumPy dtype. Raises ArgumentError."""
    known = {bool: "bool", int: "int64", float: "float32", "int": "int64"}
    try:
        name = known[value] if value in known else value if value in DTYPES else np.dtype(value).name
    except TypeError:
        name = None
    if name not in DTYPES:
        raise ArgumentError(f"{value!r} is no dtype; known: {', '.join(DTYPES)}")
    return str(name)


DType = Kind("a dtype", lambda value, owner: standard_dtype(value))
OptionalDType = optional(DType)
OptionalInt = optional(Int)
Axes = optional(IntOrInts)
Number = Kind("a number", lambda value, owner: _number(value))


def _number(value: Any) -> int | float:
    value = value.item() if isinstance(value, (np.generic, np.ndarray)) else value
    if not isinstance(value, (int, float)):
        raise TypeError
    return value


def axes_of(axis: Any, x: Value) -> tuple[int, ...]:
    """The axes that an argument `axis` names: all of x for None."""
    if axis is None:
        return tuple(range(x.rank))
    return (axis,) if isinstance(axis, int) else tuple(axis)
