"""Operator cards: everything the program knows about one operator, in one object.

`operator(...)` makes a card and enters it in `OPERATORS`; `kcompat.operators` holds all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..catalogue import Catalogue
from ..errors import ArgumentError, DtypeError, ShapeError
from .types import DTYPES, Dim, TensorType, broadcast, same_dim, shape_text

REQUIRED: Any = object()


class Attribute(NamedTuple):
    """One attribute of a card: how a value is checked and normalised, and its default.

    Calling an attribute gives the same one with a default: `Int(1)`.
    """

    kind: str
    check: Callable[[Any], Any]
    default: Any = REQUIRED

    def __call__(self, default: Any) -> Attribute:
        return self._replace(default=default)


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError
    return int(value)


def _ints(value: Any) -> tuple[int, ...]:
    return tuple(_int(item) for item in value)


def _bool(value: Any) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError
    return bool(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _pads(value: Any) -> str | tuple[tuple[int, int], ...]:
    if isinstance(value, str):
        if value not in ("valid", "same", "same_lower"):
            raise ValueError
        return value
    return tuple((_int(low), _int(high)) for low, high in value)


def _dtype(value: Any) -> str:
    if value not in DTYPES:
        raise ValueError
    return str(value)


def _optional(check: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else check(value)


Int = Attribute("int", _int)
Float = Attribute("float", float)
Bool = Attribute("bool", _bool)
Text = Attribute("text", _text)
Ints = Attribute("ints", _ints)
OptionalInts = Attribute("ints or None", _optional(_ints))
OptionalFloat = Attribute("float or None", _optional(float))
Pads = Attribute("'valid', 'same', 'same_lower' or (low, high) pairs", _pads)
DType = Attribute("dtype", _dtype)


def one_of(*choices: str) -> Attribute:
    """An attribute that takes one of a few words; the first is the default."""

    def check(value: Any) -> str:
        if value not in choices:
            raise ValueError
        return str(value)

    return Attribute("one of " + ", ".join(map(repr, choices)), check, choices[0])


Layout = one_of("channels_last", "channels_first")


class Operand(NamedTuple):
    name: str
    optional: bool = False
    variadic: bool = False


Infer = Callable[..., "TensorType | tuple[TensorType, ...]"]
Meaning = Callable[..., Any]
Gradient = Callable[..., "Sequence[Any]"]


def not_differentiable(builder: Any, gradients: Any, inputs: Sequence[Any], outputs: Any, **_: Any) -> list[Any]:
    """The gradient of a card that has none. Among a card's input gradients, it stands for one that is not defined."""
    return [not_differentiable] * len(inputs)


@dataclass(frozen=True, eq=False, slots=True)
class Operator:
    """The card of one operator.

    name: its name in the IR and on the Builder.
    operands: inputs in order; "?" marks an optional one (None when absent), "*" a variadic last one.
    attributes: compile-time parameters by name.
    infer: operand types (None where absent) and attributes -> output type, or a tuple of them.
        Raises ShapeError or DtypeError with the numbers.
    meaning: the same on NumPy arrays; the definition of the operator, not a fast way to run it.
    gradient: `(builder, output gradients, inputs, outputs, **attributes) -> input gradients` as IR: a
        Value of the input's type, None for zeros, `not_differentiable` where it is not defined. The
        gradient of an output that nothing depends on is None. Every card states one, or is declared
        `not_differentiable`.
    onnx: the ONNX operator that is the same one to one, if there is one.
    pointwise: each element of the result comes from the elements at its place in the operands, which broadcast.
    """

    name: str
    operands: tuple[Operand, ...]
    attributes: Mapping[str, Attribute]
    infer: Infer
    meaning: Meaning
    gradient: Gradient | None = None
    onnx: str | None = None
    pointwise: bool = False

    def check_attributes(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Attributes normalised and completed. Raises ArgumentError for unknown, missing or wrong ones."""
        unknown = set(given) - set(self.attributes)
        if unknown:
            raise ArgumentError(f"{self.name}: unknown attribute {sorted(unknown)[0]!r}")
        return {name: self._attribute(name, spec, given) for name, spec in self.attributes.items()}

    def _attribute(self, name: str, spec: Attribute, given: Mapping[str, Any]) -> Any:
        if name not in given:
            if spec.default is REQUIRED:
                raise ArgumentError(f"{self.name}: attribute {name!r} is missing")
            return spec.default
        try:
            return spec.check(given[name])
        except (TypeError, ValueError):
            raise ArgumentError(
                f"{self.name}: attribute {name!r} must be {spec.kind}, received {given[name]!r}"
            ) from None

    def check_arity(self, count: int) -> None:
        """Raises ArgumentError if so many operands cannot be given."""
        least = sum(not (operand.optional or operand.variadic) for operand in self.operands)
        variadic = bool(self.operands) and self.operands[-1].variadic
        if count < least or (not variadic and count > len(self.operands)):
            names = " ".join(operand.name for operand in self.operands)
            raise ArgumentError(f"{self.name} takes operands ({names}), received {count}")


OPERATORS: Catalogue[Operator] = Catalogue("operators")
"""Every card by name."""


def operator(
    name: str,
    operands: str,
    *,
    infer: Infer,
    meaning: Meaning,
    attrs: Mapping[str, Attribute] | None = None,
    gradient: Gradient | None = None,
    onnx: str | None = None,
    pointwise: bool = False,
) -> Operator:
    """Make a card and enter it in the table. `operands` reads "x w bias?" or "x*"."""
    parsed = tuple(
        Operand(word.rstrip("?*"), optional=word.endswith("?"), variadic=word.endswith("*"))
        for word in operands.split()
    )
    card = Operator(name, parsed, attrs or {}, infer, meaning, gradient, onnx, pointwise)
    OPERATORS.enter(name, card)
    return card


def elementwise(
    name: str,
    meaning: Meaning,
    *,
    operands: str = "x",
    attrs: Mapping[str, Attribute] | None = None,
    result: str | None = None,
    gradient: Gradient | None = None,
    onnx: str | None = None,
) -> Operator:
    """A card for an operator that broadcasts its operands and works on each element alone.

    `result` is the output dtype; without it, it is that of the operands, which must be equal.
    """

    def infer(*types: TensorType, **_: Any) -> TensorType:
        dtype = result or same_dtype(name, *types)
        return TensorType(dtype, broadcast(*(t.shape for t in types)))

    return operator(
        name, operands, infer=infer, meaning=meaning, attrs=attrs, gradient=gradient, onnx=onnx, pointwise=True
    )


def require_bias(name: str, bias: TensorType | None, units: Dim) -> None:
    """Raises ShapeError unless a bias, if there is one, is a number for each unit."""
    if bias is not None and bias.rank != 1:
        raise ShapeError(f"{name}: a bias has one axis, received shape {shape_text(bias.shape)}")
    if bias is not None:
        same_dim(bias.shape[0], units, f"{name}: sizes of the bias and of the result's channels")


def same_dtype(name: str, *types: TensorType | None) -> str:
    """The one dtype of all operands. Raises DtypeError if there are several."""
    dtypes = list(dict.fromkeys(t.dtype for t in types if t is not None))
    if len(dtypes) != 1:
        raise DtypeError(f"{name}: operands must have one dtype, received {', '.join(dtypes)}")
    return dtypes[0]
