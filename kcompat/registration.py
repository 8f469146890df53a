"""Names that the caller gives to classes of their own, so that files may refer to them.

Nothing enters here from a file: only what the running program registers by itself.
"""

from __future__ import annotations

import threading
from collections import ChainMap
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, TypeVar

from .errors import ArgumentError

T = TypeVar("T")

_registered: dict[str, Any] = {}
_names: dict[Any, str] = {}


class _Scopes(threading.local):
    def __init__(self) -> None:
        self.stack: list[dict[str, Any]] = []


_scopes = _Scopes()


class CustomObjectScope:
    """Inside `with CustomObjectScope({"MyLayer": MyLayer}):`, files may name these classes.

    Scopes nest, the innermost first, and hold for the thread that entered them.
    Source: keras.saving.CustomObjectScope.
    """

    def __init__(self, custom_objects: Mapping[str, Any] | None = None) -> None:
        self.custom_objects = dict(custom_objects or {})

    def __enter__(self) -> CustomObjectScope:
        _scopes.stack.append(self.custom_objects)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _scopes.stack.pop()


custom_object_scope = CustomObjectScope


def get_custom_objects() -> dict[str, Any]:
    """The live table of everything registered outside scopes."""
    return _registered


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[T], T]:
    """A decorator that enters a class or function under `package>name`, for files to name.

    Raises ArgumentError for a class without `get_config`. Source: keras.saving.register_keras_serializable.
    """

    def register(thing: T) -> T:
        if isinstance(thing, type) and not hasattr(thing, "get_config"):
            raise ArgumentError(f"{thing.__name__} cannot be registered: it has no get_config() method")
        registered_name = f"{package}>{name or getattr(thing, '__name__', '')}"
        _registered[registered_name] = thing
        _names[thing] = registered_name
        return thing

    return register


def get_registered_name(thing: Any) -> str:
    """The name under which a class or function is registered, else its own."""
    return _names.get(thing, thing.__name__)


def in_effect() -> Mapping[str, Any]:
    """Everything that files may name now: the scopes of this thread, innermost first, then what is registered."""
    return ChainMap(*reversed(_scopes.stack), _registered)


def lookup_custom(name: str) -> Any | None:
    """What files may name so now; None if nothing."""
    return in_effect().get(name)


def get_registered_object(
    name: str,
    custom_objects: Mapping[str, Any] | None = None,
    module_objects: Mapping[str, Any] | None = None,
) -> Any | None:
    """What is registered under that name, else what the given tables hold; None if nothing."""
    found = lookup_custom(name)
    if found is None:
        found = {**(module_objects or {}), **(custom_objects or {})}.get(name)
    return found
