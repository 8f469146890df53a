"""What a handler sees of the node it lowers, and how handlers enter the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError, ShapeError
from kcompat.ir import OPERATORS, Builder, Constant, Parameter, Value
from kcompat.ir.types import is_float, numpy_name

from .spec import NodeSpec
from .versions import AS_INPUT

Handler = Callable[["Call"], Any]

HANDLERS: dict[tuple[str, str], Handler] = {}
"""Domain and operator -> what emits it."""

FOLD_LIMIT = 1 << 16
"""Elements that a value may have to be computed while the graph is built."""


def handles(*ops: str, domain: str = "") -> Callable[[Handler], Handler]:
    """Enters a handler for ONNX operators of all versions."""

    def enter(handler: Handler) -> Handler:
        for op in ops:
            if HANDLERS.setdefault((domain, op), handler) is not handler:
                raise ValueError(f"two handlers for {op}")
        return handler

    return enter


class NeedsData(Exception):
    """A value must be known before the node that reads it can be typed."""

    def __init__(self, value: Value) -> None:
        super().__init__(repr(value))
        self.value = value


class NeedsShape(Exception):
    """A shape must be known before the node can be emitted."""


class NeedsHost(Exception):
    """The node is beyond the cards: the host runs it."""


class FoldingBuilder(Builder):
    """A Builder that computes small nodes whose operands are all constants at once."""

    def apply(self, op: Any, *operands: Any, **attrs: Any) -> Any:
        result = super().apply(op, *operands, **attrs)
        node = self.nodes[-1]
        results = node.outputs
        known = [value for value in node.inputs if value is None or isinstance(value, Constant)]
        if len(known) < len(node.inputs):
            return result
        if op.name.startswith("host ") or any(_too_large(value) for value in (*results, *known)):
            return result
        self.nodes.pop()
        with np.errstate(all="ignore"):
            arrays = op.meaning(*(None if v is None else v.data for v in known), **node.attrs)
        arrays = arrays if isinstance(arrays, tuple) else (arrays,)
        folded = tuple(
            Constant(np.asarray(array, numpy_name(value.dtype))) for array, value in zip(arrays, results, strict=True)
        )
        return folded if isinstance(result, tuple) else folded[0]


def _too_large(value: Value | None) -> bool:
    if value is None:
        return False
    size = 1
    for dim in value.shape:
        size *= dim if isinstance(dim, int) else FOLD_LIMIT + 1
    return size > FOLD_LIMIT


class Call:
    """One node while it is lowered: `b.add(c.x(0), c.x(1))`.

    opset: the version of the operator's domain. `observed` collects the variables whose present value the
    graph was built for.
    """

    def __init__(self, b: Builder, node: NodeSpec, inputs: tuple[Value | None, ...], observed: list[Any]) -> None:
        self.b = b
        self.node = node
        self.inputs = inputs
        self.opset = node.version
        self.attrs: Mapping[str, Any] = node.attrs
        self.observed = observed

    def __len__(self) -> int:
        return len(self.inputs)

    def x(self, index: int = 0) -> Value:
        """An input that must be there. Raises ArgumentError."""
        value = self.opt(index)
        if value is None:
            raise ArgumentError(f"{self.node.op} lacks its input {index}")
        return value

    def opt(self, index: int) -> Value | None:
        """An optional input."""
        return self.inputs[index] if index < len(self.inputs) else None

    def outputs(self, *first: int) -> bool:
        """Whether any output from this place on is used."""
        return any(self.node.outputs[first[0] :])

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute."""
        return self.attrs.get(name, default)

    def ints(self, name: str, default: Any = None) -> tuple[int, ...]:
        """An attribute that lists integers. Raises ArgumentError without a default."""
        value = self.attrs.get(name, default)
        if value is None:
            raise ArgumentError(f"{self.node.op} lacks its attribute '{name}'")
        return tuple(int(item) for item in value)

    def static(self, index: int) -> np.ndarray | None:
        """The elements of an input, None where it is absent. Raises NeedsData where only a run gives them."""
        value = self.opt(index)
        return None if value is None else self.elements(value)

    def elements(self, value: Value) -> np.ndarray:
        if isinstance(value, Constant):
            return value.data
        if isinstance(value, Parameter):
            self.observed.append(value.variable)
            return value.variable.value
        raise NeedsData(value)

    def static_ints(self, index: int) -> tuple[int, ...] | None:
        """The elements of an integer input as a tuple."""
        array = self.static(index)
        return None if array is None else tuple(int(item) for item in np.asarray(array).reshape(-1))

    def setting(self, name: str, default: Any = None) -> tuple[int, ...] | None:
        """Integers that older versions give as an attribute, newer ones as the input that `AS_INPUT` says."""
        place, _ = AS_INPUT[self.node.op][name]
        given = self.static_ints(place)
        if given is None and name in self.attrs:
            given = self.ints(name)
        return default if given is None else given

    def shape(self, value: Value) -> tuple[int, ...]:
        """A shape, all of which must be known. Raises NeedsShape."""
        if not value.type.is_static:
            raise NeedsShape
        return value.shape

    def size(self, value: Value, axis: int) -> int:
        """The size of one axis, which must be known. Raises NeedsShape."""
        size = value.shape[axis]
        if not isinstance(size, int):
            raise NeedsShape
        return size

    def constant(self, data: Any, like: Value | str) -> Constant:
        """A constant in the dtype of another value."""
        return self.b.constant(np.asarray(data), like if isinstance(like, str) else like.dtype)

    def cast(self, value: Value, dtype: str) -> Value:
        return value if value.dtype == dtype else self.b.cast(value, dtype=dtype)

    def wide(self, value: Value) -> Value:
        """The value in a dtype in which sums are accumulated: float16 becomes float32."""
        return self.cast(value, "float32") if value.dtype == "float16" else value

    def reshaped(self, value: Value, shape: Any) -> Value:
        shape = tuple(int(size) for size in shape)
        if value.shape == shape:
            return value
        if 0 in self.shape(value):
            return self.b.broadcast_to(self.constant(np.zeros(()), value.dtype), shape=shape)
        return self.b.reshape(value, shape=shape)

    def transposed(self, value: Value, perm: Any) -> Value:
        perm = tuple(perm)
        return value if perm == tuple(range(len(perm))) else self.b.transpose(value, perm=perm)

    def sliced(self, value: Value, axis: int, start: int, stop: int | None, step: int = 1) -> Value:
        return self.b.slice(value, starts=(start,), stops=(stop,), steps=(step,), axes=(axis,))

    def require_float(self, value: Value) -> Value:
        if not is_float(value.dtype):
            raise NeedsHost
        return value


def axis_of(axis: int, rank: int) -> int:
    """A non-negative axis. Raises ShapeError."""
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is out of range for a tensor of rank {rank}")
    return axis % rank


DIRECT = {card.onnx: card for card in OPERATORS.values() if card.onnx}
"""ONNX operator -> the card that is the same one to one."""
