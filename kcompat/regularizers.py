"""Penalties on weights; see keras.regularizers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .config import Configurable, Field, Float, object_kind, one_of, registered

_MODULE = "keras.regularizers"


class Regularizer(Configurable):
    """Maps a weight to a scalar penalty that is added to the loss."""

    def __call__(self, x: np.ndarray) -> Any:
        raise NotImplementedError


@registered(_MODULE, "l1")
class L1(Regularizer):
    """`l1 * sum(|x|)`."""

    l1 = Field(Float, 0.01, aliases=("l",))

    def __call__(self, x: np.ndarray) -> Any:
        return self.l1 * np.sum(np.abs(x))


@registered(_MODULE, "l2")
class L2(Regularizer):
    """`l2 * sum(x ** 2)`."""

    l2 = Field(Float, 0.01, aliases=("l",))

    def __call__(self, x: np.ndarray) -> Any:
        return self.l2 * np.sum(np.square(x))


@registered(_MODULE, "l1_l2")
class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x ** 2)`."""

    l1 = Field(Float, 0.0)
    l2 = Field(Float, 0.0)

    def __call__(self, x: np.ndarray) -> Any:
        return self.l1 * np.sum(np.abs(x)) + self.l2 * np.sum(np.square(x))


@registered(_MODULE, "orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """Pushes rows or columns of a matrix towards orthogonality (keras.regularizers)."""

    factor = Field(Float, 0.01)
    mode = Field(one_of("rows", "columns"), "rows")

    def __call__(self, x: np.ndarray) -> Any:
        matrix = x if self.mode == "rows" else x.T
        unit = matrix / np.maximum(np.linalg.norm(matrix, axis=1, keepdims=True), 1e-12)
        size = len(unit)
        off_diagonal = np.abs(unit @ unit.T * (1 - np.eye(size, dtype=x.dtype)))
        return self.factor * 0.5 * np.sum(off_diagonal) / max(size * (size - 1) / 2, 1)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """An L1L2 with the defaults of `keras.regularizers.l1_l2`."""
    return L1L2(l1=l1, l2=l2)


l1, l2 = L1, L2
RegularizerKind = object_kind(_MODULE, "a regularizer, its name or its config")


def get(identifier: Any) -> Regularizer | None:
    """A regularizer from an object, name, config or None."""
    return Field(RegularizerKind).parse(identifier, "regularizers.get")
