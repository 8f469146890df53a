"""Objects that are described by a config: layers, initializers, regularizers, constraints.

A class lists its fields once; from them follow the constructor, `get_config`, `from_config` and
what the readers and writers of every file format know about it.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeVar

import numpy as np

from .catalogue import Catalogue, Indexes, part
from .errors import ArgumentError, ConfigError, KcompatError, UnknownLayerError
from .registration import get_registered_name, lookup_custom
from .settings import image_data_format

REQUIRED: Any = object()


class _Anything:
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


ANYTHING: Any = _Anything()
"""Equal to every value: a key that no value gives a meaning, such as the regularizer of a weight that is not there."""


class Kind(NamedTuple):
    """How values of a field are checked, normalised and written.

    parse: `(value, owner) -> value`; raises TypeError or ValueError for what it does not take.
    serialize: value -> what JSON holds.
    """

    name: str
    parse: Callable[[Any, Any], Any]
    serialize: Callable[[Any], Any] = lambda value: value


def _parse_int(value: Any, owner: Any = None) -> int:
    if isinstance(value, bool) or int(value) != value:
        raise TypeError
    return int(value)


def _parse_float(value: Any, owner: Any = None) -> float:
    if isinstance(value, str):
        raise TypeError
    return float(value)


def _parse_bool(value: Any, owner: Any = None) -> bool:
    if value not in (True, False):
        raise TypeError
    return bool(value)


def _parse_str(value: Any, owner: Any = None) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


Int = Kind("an integer", _parse_int)
PositiveInt = Kind("a positive integer", lambda value, owner: _at_least(1, _parse_int(value)))
Float = Kind("a number", _parse_float)
Bool = Kind("True or False", _parse_bool)
Str = Kind("a string", _parse_str)
Json = Kind("a JSON value", lambda value, owner: value)
Numbers = Kind("a number or nested lists of numbers", lambda value, owner: _parse_numbers(value))


def _parse_numbers(value: Any) -> Any:
    """Python numbers from numbers, nested sequences, arrays, or the dict that Keras writes for an array."""
    if isinstance(value, Mapping) and value.get("class_name") == "__numpy__":
        value = value["config"]["value"]
    array = np.asarray(value)
    if array.dtype.kind not in "iuf":
        raise TypeError
    return array.tolist()


def _at_least(bound: int, value: int) -> int:
    if value < bound:
        raise ValueError
    return value


def optional(kind: Kind) -> Kind:
    """The same kind, or None."""
    return Kind(
        f"{kind.name} or None",
        lambda value, owner: None if value is None else kind.parse(value, owner),
        lambda value: None if value is None else kind.serialize(value),
    )


def one_of(*choices: Any) -> Kind:
    """One of a few values; words in any case."""

    def parse(value: Any, owner: Any) -> Any:
        value = value.lower() if isinstance(value, str) else value
        if value not in choices:
            raise ValueError
        return value

    return Kind("one of " + ", ".join(map(repr, choices)), parse)


def ints(count: int | None = None, least: int = 1) -> Kind:
    """A tuple of integers; a lone integer stands for all of them. Without `count`, as many as the owner's rank."""

    def parse(value: Any, owner: Any) -> tuple[int, ...]:
        length = owner.rank if count is None else count
        items = [value] * length if isinstance(value, int) else list(value)
        if len(items) != length:
            raise ValueError
        return tuple(_at_least(least, _parse_int(item)) for item in items)

    return Kind(f"an integer or {count or 'one per axis'} of them, each at least {least}", parse)


def pairs() -> Kind:
    """A (low, high) pair of amounts per axis of the owner; lone integers stand for equal ones."""
    pair = ints(2, least=0)

    def parse(value: Any, owner: Any) -> tuple[tuple[int, int], ...]:
        items = [value] * owner.rank if isinstance(value, int) else list(value)
        if len(items) != owner.rank:
            raise ValueError
        return tuple(pair.parse(item, owner) for item in items)

    return Kind("an integer, one per axis, or a (low, high) pair per axis, none negative", parse)


def within(low: float, high: float = math.inf) -> Kind:
    """A number in [low, high]."""

    def parse(value: Any, owner: Any) -> float:
        number = _parse_float(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return Kind(f"a number in [{low:g}, {high:g}]" if high < math.inf else f"a number of at least {low:g}", parse)


def int_list(value: Any, owner: Any = None) -> tuple[int, ...]:
    return tuple(_parse_int(item) for item in value)


IntTuple = Kind("a sequence of integers", int_list)
IntOrInts = Kind(
    "an integer or a sequence of integers",
    lambda value, owner: _parse_int(value) if isinstance(value, int) else int_list(value),
)
DataFormat = Kind(
    "'channels_last' or 'channels_first'",
    lambda value, owner: one_of("channels_last", "channels_first").parse(value or image_data_format(), owner),
)


class Field:
    """One entry of a config.

    kind: what values it takes.
    default: the value when none is given; without one the argument is required.
    keras1: the entry's name in Keras 1 configs.
    aliases: other names that later generations used for it.
    keyword: it cannot be given by position.
    extension: Keras has no such entry; it is written only where it differs from the default, and
        writers for Keras refuse it then.
    optional_key: it is written only where it differs from the default.
    """

    def __init__(
        self,
        kind: Kind,
        default: Any = REQUIRED,
        *,
        keras1: str | None = None,
        aliases: Sequence[str] = (),
        keyword: bool = False,
        extension: bool = False,
        optional_key: bool = False,
    ) -> None:
        self.kind = kind
        self.default = default
        self.keras1 = keras1
        self.aliases = tuple(aliases)
        self.keyword = keyword
        self.extension = extension
        self.optional_key = optional_key or extension
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return instance._values[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        instance._values[self.name] = self.parse(value, instance)

    def parse(self, value: Any, owner: Any) -> Any:
        """The normalised value. Raises ArgumentError naming owner, argument and value."""
        try:
            return self.kind.parse(value, owner)
        except KcompatError:
            raise
        except (TypeError, ValueError, OverflowError):
            raise ArgumentError(
                f"{owner}: argument '{self.name}' must be {self.kind.name}, received {value!r}"
            ) from None


class _Signature:
    """The `__signature__` of a class, made when it is asked for, and of the classes below it."""

    def __init__(self, cls: type[Configurable]) -> None:
        self._cls = cls

    def __get__(self, instance: Any, owner: type | None = None) -> inspect.Signature:
        return _signature(self._cls)


class Configurable:
    """Base of everything that a config describes.

    fields: the class's fields by name, in order of declaration, base classes first.
    neutral: keys that other Keras generations write and that mean nothing at the given value; any
        other value is refused.
    positional: the constructor's first arguments, where their order is not that of the fields.
    keras_module: the module Keras writes beside the class name.
    keras_name: the class name Keras writes, where it is not the class's own.
    """

    fields: ClassVar[dict[str, Field]] = {}
    neutral: ClassVar[Mapping[str, Any]] = {}
    positional: ClassVar[Sequence[str]] = ()
    keras_module: ClassVar[str] = ""
    keras_name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Field)}
        cls.fields = {**cls.fields, **own}
        if "__init__" not in vars(cls):
            cls.__signature__ = _Signature(cls)  # type: ignore[attr-defined]

    _values: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        object.__setattr__(instance, "_values", {})
        return instance

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = self._bind(args, kwargs)
        for name, field in self.fields.items():
            if name not in given and field.default is REQUIRED:
                raise ArgumentError(f"{self}: argument '{name}' is required")
            setattr(self, name, given.get(name, field.default))

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        positional = _positional(type(self))
        if len(args) > len(positional):
            raise ArgumentError(f"{self}: takes {len(positional)} positional arguments, received {len(args)}")
        given = dict(zip(positional, args, strict=False))
        names = {alias: name for name, field in self.fields.items() for alias in field.aliases}
        for key, value in kwargs.items():
            name = names.get(key, key)
            if name not in self.fields:
                raise ArgumentError(f"{self}: unrecognized argument '{key}'={value!r}; known: {', '.join(self.fields)}")
            if name in given:
                raise ArgumentError(f"{self}: argument '{name}' is given twice")
            given[name] = value
        return given

    def get_config(self) -> dict[str, Any]:
        """The object as JSON-ready values, in the form of Keras 3."""
        return {
            name: field.kind.serialize(self._values[name])
            for name, field in self.fields.items()
            if not (field.optional_key and self._values[name] == field.default)
        }

    def get_build_config(self) -> dict[str, Any] | None:
        """What Keras 3 needs beside the config to make the object's weights, if it has any."""
        return None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """An object from a config of any Keras 2 or 3 release.

        Raises ConfigError for a key that is neither a field nor neutral at its value.
        """
        if not isinstance(config, Mapping):
            raise ConfigError(f"{cls.__name__}: a config is an object, received {config!r:.100}")
        kept = {}
        for key, value in config.items():
            if key in cls.fields or key not in cls.neutral:
                kept[key] = value
            elif value != cls.neutral[key]:
                raise ConfigError(
                    f"{cls.__name__}: key '{key}' has value {value!r}; only {cls.neutral[key]!r} has a meaning here"
                )
        return cls(**kept)

    def __str__(self) -> str:
        return type(self).__name__


def _positional(cls: type[Configurable]) -> list[str]:
    """The arguments that can be given by position, in their order."""
    free = [name for name, field in cls.fields.items() if not field.keyword]
    return list(dict.fromkeys((*cls.positional, *free)))


def _signature(cls: type[Configurable]) -> inspect.Signature:
    positional = _positional(cls)
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.POSITIONAL_OR_KEYWORD if name in positional else inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if cls.fields[name].default is REQUIRED else cls.fields[name].default,
        )
        for name in dict.fromkeys((*positional, *cls.fields))
    ]
    required_first = sorted(parameters, key=lambda p: (p.kind, p.default is not inspect.Parameter.empty))
    return inspect.Signature(required_first)


CLASSES: dict[str, Catalogue[type[Configurable]]] = {}
"""The closed tables from which files name classes: Keras module -> class name or alias -> class."""

T = TypeVar("T", bound=type[Configurable])


def table_of(module: str) -> Catalogue[type[Configurable]]:
    """The table of a Keras module, which may still be empty."""
    return CLASSES.setdefault(module, Catalogue(module))


def announce(package: str, indexes: Indexes) -> None:
    """Let a package, which is being imported, hold the classes of Keras modules that its index says."""
    for module in {module for entries in indexes.values() for module in entries}:
        table_of(module).announce(package, part(indexes, module))


def registered(module: str, *aliases: str) -> Callable[[T], T]:
    """Enter a class in the table of its Keras module, under its name and aliases."""

    def register(cls: T) -> T:
        cls.keras_module = module
        table = table_of(module)
        for name in (cls.__name__, *aliases):
            table.enter(name, cls)
        return cls

    return register


def lookup(module: str, class_name: str) -> type[Configurable]:
    """The class of that name. Raises UnknownLayerError."""
    cls = table_of(module).get(class_name)
    if cls is None:
        raise UnknownLayerError(f"{module} has no class '{class_name}'")
    return cls


def serialize(thing: Any) -> Any:
    """An object as Keras 3 writes it inside configs: module, class name, config, registered name."""
    if not isinstance(thing, Configurable):
        return thing
    cls = type(thing)
    module = vars(cls).get("keras_module")
    is_public = module and not module.startswith("keras.src.")
    build_config = thing.get_build_config()
    return {
        "module": module or None,
        "class_name": vars(cls).get("keras_name") or cls.__name__,
        "config": thing.get_config(),
        "registered_name": None if is_public else get_registered_name(cls),
        **({} if build_config is None else {"build_config": build_config}),
    }


def object_kind(module: str, what: str) -> Kind:
    """A field that holds an object of one Keras module, given as object, name, or serialized dict."""

    def parse(value: Any, owner: Any) -> Any:
        if value is None or isinstance(value, Configurable):
            return value
        if isinstance(value, type) and issubclass(value, Configurable):
            return value()
        if isinstance(value, str):
            return _from_name(module, value)
        if isinstance(value, Mapping) and "class_name" in value:
            custom = lookup_custom(value.get("registered_name") or value["class_name"])
            return (custom or lookup(module, value["class_name"])).from_config(value.get("config") or {})
        raise TypeError

    return Kind(what, parse, serialize)


def _from_name(module: str, name: str) -> Configurable:
    cls = table_of(module).get(name)
    if cls is None:
        raise ArgumentError(f"{module} has no '{name}'; known: {', '.join(sorted(table_of(module)))}")
    return cls()


def __getattr__(name: str) -> Any:
    """What `keras.config` has."""
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from . import process

    if name not in process.__all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(process, name)
