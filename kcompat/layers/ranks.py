"""Checks of input ranks that Keras states as a layer's InputSpec."""

from __future__ import annotations

from ..errors import ShapeError
from ..ir import Value
from ..ir.types import shape_text
from .base import Layer


def require_rank(layer: Layer, x: Value, *ranks: int) -> None:
    """Raises ShapeError, naming the layer, unless x has one of these ranks."""
    if x.rank not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise ShapeError(f"{layer}: needs an input of rank {wanted}, received shape {shape_text(x.shape)}")
