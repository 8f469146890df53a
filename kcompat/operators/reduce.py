"""Reductions over axes. `axes=()` reduces nothing."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir.operator import Bool, Ints, Operator, operator
from ..ir.types import TensorType, normalize_axes


def _reduced_type(x: TensorType, *, axes: tuple[int, ...], keepdims: bool) -> TensorType:
    gone = normalize_axes(axes, x.rank)
    if keepdims:
        return x.with_shape(1 if axis in gone else dim for axis, dim in enumerate(x.shape))
    return x.with_shape(dim for axis, dim in enumerate(x.shape) if axis not in gone)


def _reduction(name: str, function: Callable[..., np.ndarray]) -> Operator:
    def meaning(x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return function(x, axis=axes, keepdims=keepdims).astype(x.dtype, copy=False)

    return operator(name, "x", attrs={"axes": Ints, "keepdims": Bool(False)}, infer=_reduced_type, meaning=meaning)


reduce_sum = _reduction("reduce_sum", np.sum)
reduce_mean = _reduction("reduce_mean", np.mean)
reduce_max = _reduction("reduce_max", np.max)
reduce_min = _reduction("reduce_min", np.min)
reduce_prod = _reduction("reduce_prod", np.prod)
