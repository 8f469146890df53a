"""Functions of `keras.ops`, made of the operations that they put into models."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from ..config import REQUIRED
from ..errors import ArgumentError
from ..layers.operations import FUNCTIONS, Operation

_PREFIXED = ("image", "linalg")
"""The parts of `keras.ops` whose functions are not in it as well."""

_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def named(namespace: str, name: str) -> Callable[..., Any]:
    """The function of that name in `keras.ops`, or in a part of it. Raises AttributeError."""
    if name not in names(namespace):
        raise AttributeError(f"kcompat.ops{namespace and '.' + namespace} has no function {name!r}")
    return _function(f"{namespace}.{name}" if namespace in _PREFIXED else name)


@cache
def names(namespace: str) -> frozenset[str]:
    """The functions of `keras.ops`, or of a part of it."""
    if namespace in _PREFIXED:
        return frozenset(key.partition(".")[2] for key in FUNCTIONS if key.startswith(f"{namespace}."))
    module = f"keras.src.ops.{namespace}"
    inside = [key for key, cls in FUNCTIONS.items() if not namespace or cls.keras_module == module]
    return frozenset(key for key in inside if "." not in key)


@cache
def _function(key: str) -> Callable[..., Any]:
    return function_of(key, FUNCTIONS[key])


def function_of(name: str, cls: type[Operation]) -> Callable[..., Any]:
    """The function that makes an operation of its arguments and calls it on its tensors.

    On KerasTensors it puts a node into the model and gives KerasTensors; on arrays and numbers it
    computes at once and gives arrays. Raises ArgumentError for arguments that do not fit.
    """
    signature = _signature(cls)
    keys = {_public(field): field for field in cls.fields}

    def function(*args: Any, **kwargs: Any) -> Any:
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise ArgumentError(f"{name}: {error}") from None
        config = {key: value for key, value in bound.arguments.items() if key in keys}
        bound.apply_defaults()
        named = {key: bound.arguments[key] for key in cls.named}
        tensors = [bound.arguments[key] for key in cls.call_signature().parameters if key not in named]
        return cls(**config)(*tensors, **named)

    function.__name__ = function.__qualname__ = name.rpartition(".")[2]
    function.__doc__ = cls.__doc__
    function.__signature__ = signature  # type: ignore[attr-defined]
    return function


def _public(field: str) -> str:
    return "dtype" if field == "result_dtype" else field


def _signature(cls: type[Operation]) -> inspect.Signature:
    """Tensors first, then fields, then tensors that may be left out, unless the class has an order."""
    call = [p for p in cls.call_signature().parameters.values() if p.kind not in _VARIADIC]
    fields = [
        inspect.Parameter(
            _public(name),
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            default=inspect.Parameter.empty if field.default is REQUIRED else field.default,
        )
        for name, field in cls.fields.items()
    ]
    given = [p for p in call if p.default is inspect.Parameter.empty]
    parameters = {p.name: p for p in (*given, *fields, *(p for p in call if p not in given))}
    order = cls.parameters or tuple(parameters)
    return inspect.Signature([parameters[name] for name in order])
