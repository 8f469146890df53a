"""Kernels with a trained addition of low rank, beside which they stay as they are (LoRA).

Sources: Hu et al. 2021; `enable_lora` of Dense, EinsumDense, Embedding and Conv in Keras 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from ..config import Field, Float, PositiveInt, optional
from ..errors import ArgumentError, SaveError
from ..ir import Value, Variable
from .base import Layer
from .emitter import Emitter


def lora_rank_field() -> Field:
    """The rank of the addition, or None without one."""
    return Field(optional(PositiveInt), None, keyword=True, optional_key=True)


def lora_alpha_field() -> Field:
    """What the addition is multiplied by, and then divided by its rank; the rank itself by default."""
    return Field(optional(Float), None, keyword=True, optional_key=True)


class Adaptable(Layer):
    """A layer whose kernel K may become K + lora_alpha / lora_rank * A @ B.

    A subclass names the kernel's attribute, adds the addition at the end of its `build`, and emits
    `adapted(b)` for the kernel. `.weights.h5` files hold the sum; HDF5 files of Keras 2's layout hold
    all three.
    """

    adaptable: ClassVar[str] = "kernel"
    lora_rank: Any
    lora_alpha: Any
    lora_a: Variable | None = None
    lora_b: Variable | None = None

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: Any = "he_uniform",
        b_initializer: Any = "zeros",
    ) -> None:
        """Train an addition of that rank instead of the kernel.

        Raises ArgumentError if the layer is not built, has one already, or constrains its kernel.
        """
        if not self.built:
            raise ArgumentError(f"{self}: is not built; build it before enable_lora")
        if self.lora_b is not None:
            raise ArgumentError(f"{self}: has an addition of low rank already")
        self.lora_rank, self.lora_alpha = rank, lora_alpha
        self._add_low_rank(a_initializer, b_initializer)
        self.emission_changed()

    def add_low_rank(self) -> None:
        """Add the weights of the addition that the config asks for."""
        if self.lora_rank is not None:
            self._add_low_rank("he_uniform", "zeros")

    def _add_low_rank(self, a_initializer: Any, b_initializer: Any) -> None:
        if getattr(self, f"{self.adaptable}_constraint") is not None:
            raise ArgumentError(f"{self}: {self.adaptable}_constraint and lora_rank cannot be combined")
        if self.lora_alpha is None:
            self.lora_alpha = self.lora_rank
        kernel: Variable = getattr(self, self.adaptable)
        regularizer = getattr(self, f"{self.adaptable}_regularizer")
        shapes = {"a": (*kernel.shape[:-1], self.lora_rank), "b": (self.lora_rank, kernel.shape[-1])}
        initializers = {"a": a_initializer, "b": b_initializer}
        self.lora_a, self.lora_b = (
            self.add_weight(
                shapes[part],
                initializers[part],
                name=f"lora_{self.adaptable}_{part}",
                dtype="float32",
                regularizer=regularizer,
            )
            for part in shapes
        )
        kernel.trainable = False

    def adapted(self, b: Emitter) -> Any:
        """The kernel with its addition, if it has one."""
        kernel = getattr(self, self.adaptable)
        return kernel if self.lora_b is None else b.add(kernel, self.low_rank(b, self.lora_a))

    def low_rank(self, b: Emitter, left: Any) -> Value:
        """lora_alpha / lora_rank * left @ B."""
        return b.mul(b.dense(left, self.lora_b), self.lora_alpha / self.lora_rank)

    @property
    def merged_weights(self) -> list[Variable]:
        return [] if self.lora_b is None else [self.lora_b]

    @property
    def stored_weights(self) -> list[Variable]:
        if self.lora_b is None:
            return super().stored_weights
        return [w for w in self._own_weights if w is not self.lora_a and w is not self.lora_b]

    def stored_variables(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Variable]:
        stored = super().stored_variables(shapes)
        if shapes or self.lora_b is None:
            return stored
        kernel = getattr(self, self.adaptable)
        return {name: self._sum() if variable is kernel else variable for name, variable in stored.items()}

    def _sum(self) -> Variable:
        """A copy of the kernel that holds the addition too."""
        kernel: Variable = getattr(self, self.adaptable)
        assert self.lora_a is not None
        assert self.lora_b is not None
        addition = (self.lora_a.value @ self.lora_b.value) * np.float32(self.lora_alpha / self.lora_rank)
        if not addition.any():
            return kernel
        if not np.issubdtype(kernel.value.dtype, np.floating):
            raise SaveError(f"{self}: its addition of low rank cannot be merged into a kernel of {kernel.dtype}")
        merged = Variable(kernel.name, kernel.shape, kernel.dtype, path=kernel.path)
        return merged.assign(kernel.value + addition)
