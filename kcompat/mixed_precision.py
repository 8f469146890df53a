"""What `keras.mixed_precision` has."""

from __future__ import annotations

from .dtype_policies import DTypePolicy
from .optimizers import LossScaleOptimizer
from .process import dtype_policy, set_dtype_policy

Policy = DTypePolicy
global_policy, set_global_policy = dtype_policy, set_dtype_policy

__all__ = [
    "DTypePolicy",
    "LossScaleOptimizer",
    "Policy",
    "dtype_policy",
    "global_policy",
    "set_dtype_policy",
    "set_global_policy",
]
