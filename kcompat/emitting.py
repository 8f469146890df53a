"""Small functions that are stated as IR, applied to what people have at hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .ir import Builder, Value
from .ir.types import type_of
from .ir.variable_operators import TRACE
from .reference import evaluate


def applied(emit: Callable[[Any, Value], Value], x: Any, builder: Callable[[], Builder] = Builder) -> Any:
    """What `emit(b, x)` gives for an array, as one; for a symbol in a function that is traced, as a symbol."""
    trace = TRACE.get()
    if trace is not None:
        return trace.symbol(emit(trace.b, trace.values(x)))
    b, array = builder(), np.asarray(x)
    (result,) = evaluate(b.build([emit(b, b.input(type_of(array)))]), [array])
    return result[()]
