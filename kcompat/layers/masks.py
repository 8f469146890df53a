"""Masks as layers are given them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Value
from .emitter import Emitter


def as_mask(b: Emitter, mask: Any) -> Value:
    """A boolean Value for a Value or an array, true where that is not zero."""
    value = mask if isinstance(mask, Value) else b.constant(np.asarray(mask))
    return value if value.dtype == "bool" else b.cast(value, dtype="bool")
