"""A model's weight: a named array that outlives any graph that reads it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .. import changes
from ..errors import ShapeError
from .lazy import Lazy
from .types import TensorType, numpy_name
from .variable_operators import TRACE, VariableOperators


class Variable(VariableOperators):
    """A weight: name, shape, dtype, and a value that is made on first use.

    `initializer(shape, dtype)` runs only when a value is read before one was assigned, so that
    a model about to be filled from a file never allocates its random initial weights.
    `regularizer` and `constraint` are what training adds to the loss and applies after a step.
    `version` grows with every assignment; whoever keeps a derived form (packed weights) compares it.
    """

    _holding: ClassVar[threading.Lock] = threading.Lock()
    """Held while a value becomes another, or is held in another form."""

    def __init__(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str = "float32",
        initializer: Callable[[tuple[int, ...], str], np.ndarray] | None = None,
        trainable: bool = True,
        path: str | None = None,
    ) -> None:
        self.name = name
        self.path = path or name
        self.type = TensorType(dtype, tuple(shape))
        self.trainable = trainable
        self.version = 0
        self.regularizer: Any = None
        self.constraint: Any = None
        self._initializer = initializer
        self._value: np.ndarray | Lazy | None = None
        self._is_own = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape  # type: ignore[return-value]  # a variable's shape is always static

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        total = 1
        for dim in self.shape:
            total *= dim
        return total

    @property
    def is_initialized(self) -> bool:
        return self._value is not None

    @property
    def value(self) -> np.ndarray:
        """The array itself, not a copy: not to be written to.

        Raises ResourceError if it would exceed the memory budget.
        """
        value = self._value
        if value is None:
            self.type.check_budget(f"weight '{self.path}'")
            make = self._initializer or (lambda shape, dtype: np.zeros(shape, dtype))
            self._value = value = np.asarray(make(self.shape, self.dtype), numpy_name(self.dtype))
        return value.get() if isinstance(value, Lazy) else value

    def assign(self, value: Any) -> Variable:
        """Replace the value. Raises ShapeError unless the shape is the variable's own."""
        trace = TRACE.get()
        if trace is not None:
            trace.assign(self, value)
            return self
        array = np.asarray(value, dtype=numpy_name(self.dtype))
        if array.shape != self.shape:
            raise ShapeError(f"weight '{self.path}' has shape {self.shape}, received {array.shape}")
        with self._holding:
            self._value, self._is_own = array, False
            self.changed()
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add to the value."""
        return self.assign(self + (np.asarray(value) if TRACE.get() is None else value))

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value."""
        return self.assign(self - (np.asarray(value) if TRACE.get() is None else value))

    def memory(self) -> np.ndarray:
        """The value as an array that may be written in place: C-contiguous, and shared with no one who assigned it.

        Whoever writes to it calls `changed`.
        """
        with self._holding:
            value = self.value
            if not self._is_own:
                self._value = value = np.array(value, order="C", copy=True)
                self._is_own = True
        return value

    def held_as(self, restore: Callable[[], np.ndarray], version: int) -> None:
        """Someone holds the value of this version in another form, from which `restore` makes it bit for bit: unless
        it is written in place, the array is made from that when it is read."""
        with self._holding:
            if version == self.version and not self._is_own:
                self._value = Lazy(restore)

    def __getstate__(self) -> dict[str, Any]:
        """With the array itself, as what it is held in otherwise is not part of a copy."""
        value = self._value
        return {**self.__dict__, "_value": value.get() if isinstance(value, Lazy) else value}

    def changed(self) -> None:
        """Note that the value has become another, for those who keep what they made of it."""
        self.version += 1
        changes.note()

    def numpy(self) -> np.ndarray:
        """A copy of the value."""
        return self.value.copy()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return array if dtype is None else array.astype(dtype, copy=False)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}>"
