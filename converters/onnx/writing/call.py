"""What the writer of one operator sees, and how such writers enter the table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kcompat.errors import SaveError
from kcompat.ir import Constant, Node, TensorType, Value
from kcompat.ir.types import is_float, normalize_axes, numpy_name

from .output import Output, onnx_type


class NeedsOpset(SaveError):
    """The model can be written, in a later version of ONNX.

    opset: the first that has what it needs.
    """

    def __init__(self, message: str, opset: int) -> None:
        super().__init__(message)
        self.opset = opset


Writer = Callable[["Call"], Any]

WRITERS: dict[str, Writer] = {}
"""Card -> what writes it; cards that are ONNX operators one to one need none."""


def writes(*names: str) -> Callable[[Writer], Writer]:
    """Enters the writer of some cards."""

    def enter(writer: Writer) -> Writer:
        for name in names:
            if WRITERS.setdefault(name, writer) is not writer:
                raise ValueError(f"two writers for {name}")
        return writer

    return enter


class Call:
    """One node while it is written: `w.add("Softmax", w.x(), axis=1)`.

    readers: the nodes that read its first result.
    """

    def __init__(
        self, output: Output, node: Node, name_of: Callable[[Value | None], str], readers: Sequence[Node]
    ) -> None:
        self.output = output
        self.node = node
        self._name_of = name_of
        self.readers = readers
        self.opset = output.opset
        self.add = output.add
        self.has = output.has

    # --- operands ------------------------------------------------------------------

    def x(self, index: int = 0) -> str:
        """The name of an operand, empty where it is absent; a constant that is asked for becomes an initializer."""
        return self._name_of(self.node.inputs[index])

    @property
    def names(self) -> list[str]:
        return [self._name_of(value) for value in self.node.inputs]

    def given(self, index: int) -> bool:
        return self.node.inputs[index] is not None

    def value(self, index: int = 0) -> Value:
        value = self.node.inputs[index]
        assert value is not None
        return value

    def type(self, index: int = 0) -> TensorType:
        return self.value(index).type

    @property
    def rank(self) -> int:
        return self.type().rank

    @property
    def dtype(self) -> str:
        return self.type().dtype

    def data(self, index: int) -> np.ndarray | None:
        """The elements of an operand, None where only a run gives them."""
        value = self.node.inputs[index]
        return value.data if isinstance(value, Constant) else None

    def known(self, index: int) -> np.ndarray:
        """The elements of an operand that must be known. Raises SaveError."""
        data = self.data(index)
        if data is None:
            operand = self.node.op.operands[min(index, len(self.node.op.operands) - 1)].name
            raise self.refusal(f"its operand '{operand}' is computed when the model runs, ONNX needs it beforehand")
        return data

    def attr(self, name: str) -> Any:
        return self.node.attrs[name]

    def axes(self, name: str = "axes") -> tuple[int, ...]:
        return normalize_axes(self.attr(name), self.rank)

    def axis(self, name: str = "axis") -> int:
        return normalize_axes((self.attr(name),), self.rank)[0]

    # --- results -------------------------------------------------------------------

    def like(self, data: Any, index: int = 0) -> str:
        """A constant in the dtype of an operand."""
        return self.output.constant(np.asarray(data, numpy_name(self.type(index).dtype)))

    def ints(self, data: Any) -> str:
        return self.output.constant(data, "int64")

    def weight(self, index: int, turn: Callable[[np.ndarray], np.ndarray]) -> str:
        """A constant operand, changed once and for all."""
        value = self.value(index)
        data = self.known(index)
        changed = turn(data)
        if changed.shape == data.shape and changed is data:
            return self.x(index)
        return self.output.constant(np.ascontiguousarray(changed), name=value.name or self._constant_name(index))

    def _constant_name(self, index: int) -> str:
        operands = self.node.op.operands
        return f"{self.output.scope}/{operands[min(index, len(operands) - 1)].name}".lstrip("/")

    def cast(self, x: str, dtype: str) -> str:
        return self.add("Cast", x, to=onnx_type(dtype))

    def shape(self, x: str, start: int = 0, end: int | None = None) -> str:
        """A shape, or a part of it, when the model runs."""
        return self.add("Shape", x, start=start or None, end=end)

    def sizes(self, index: int, start: int = 0, end: int | None = None) -> str:
        """The same of an operand: a constant where it is known."""
        dims = self.type(index).shape[start:end]
        if all(isinstance(dim, int) for dim in dims):
            return self.ints(dims)
        return self.shape(self.x(index), start, end)

    def joined(self, *parts: str) -> str:
        return self.add("Concat", *parts, axis=0)

    def reduce(self, kind: str, x: str, axes: Sequence[int], keepdims: bool = True) -> str:
        return self.add(f"Reduce{kind}", x, axes=list(axes), keepdims=int(keepdims))

    def reversed(self, x: str, axis: int) -> str:
        """An axis from its end to its beginning; twice is not at all."""
        source = self.output.reversals.get((x, axis))
        if source is not None:
            return source
        bounds = np.iinfo(np.int64)
        result = self.add("Slice", x, starts=[bounds.max], ends=[bounds.min], axes=[axis], steps=[-1])
        self.output.reversals[result, axis] = x
        return str(result)

    def chain(self, x: str, *steps: Any) -> str:
        """Unary operators one after the other, or (operator, second operand)."""
        for step in steps:
            x = self.add(step, x) if isinstance(step, str) else self.add(step[0], x, *step[1:])
        return x

    @property
    def is_float(self) -> bool:
        return is_float(self.dtype)

    def refusal(self, why: str) -> SaveError:
        return SaveError(f"{self._what} cannot be written as ONNX: {why}")

    def require_opset(self, opset: int, what: str) -> None:
        """Raises NeedsOpset if the file's opset is older."""
        if self.opset < opset:
            raise NeedsOpset(
                f"{self._what} cannot be written in opset {self.opset}: {what} exists from opset {opset} on", opset
            )

    @property
    def _what(self) -> str:
        return f"{self.node.origin}: '{self.node.op.name}'" if self.node.origin else f"'{self.node.op.name}'"
