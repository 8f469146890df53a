"""Computes what depends on constants alone."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..ir import Constant, Dequantized, Graph, Node, Transposed, Value
from ..ir.types import numpy_name
from .rewrite import Rewrite, rewrite

_LARGEST = 64 * 2**20
"""Bytes of an output above which an operator of small operands is left to run: a constant would only take memory."""


def fold_constants(graph: Graph, largest: int = _LARGEST) -> Graph:
    """Given nodes whose operands are all constants. Result: constants in their place, computed by the cards.

    largest: bytes that the outputs of a node may have, if they are not those of its operands.
    """
    return rewrite(graph, partial(_fold, largest=largest))


def _fold(work: Rewrite, node: Node, operands: list[Value | None], *, largest: int) -> list[Value] | None:
    if not operands or not all(v is None or isinstance(v, Constant) for v in operands):
        return None
    if sum(result.type.nbytes or 0 for result in node.outputs) > max(largest, 2 * _bytes(operands)):
        return None
    if node.op.name == "transpose" and isinstance(operands[0], Constant):
        return [Transposed(operands[0], node.attrs["perm"])]
    if node.op.name == "dequantize" and operands[0] is not None and operands[0].shape == node.outputs[0].shape:
        return [Dequantized(*operands)]  # type: ignore[arg-type]
    arrays = [v.data if isinstance(v, Constant) else None for v in operands]
    with np.errstate(all="ignore"):
        outputs = node.op.meaning(*arrays, **node.attrs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    name = next((value.name for value in operands if value is not None and value.name), "")
    return [
        Constant(np.asarray(array, dtype=numpy_name(result.dtype)), name)
        for array, result in zip(outputs, node.outputs, strict=True)
    ]


def _bytes(operands: list[Value | None]) -> int:
    return sum(value.type.nbytes or 0 for value in operands if isinstance(value, Constant))
