"""The encodings that category layers share."""

from __future__ import annotations

from typing import Any, ClassVar

from ..config import Kind, one_of
from ..errors import ShapeError
from ..ir import Value
from ..ir.types import shape_text
from .base import Layer
from .dtype_policy import DTypePolicy
from .emitter import Emitter

_OLD_MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}


def output_mode_kind(*modes: str) -> Kind:
    """One of these output modes, under its name of any Keras release."""
    kind = one_of(*modes)
    return Kind(kind.name, lambda value, owner: kind.parse(_OLD_MODES.get(value, value), owner))


def _parse_salt(value: Any, owner: Any) -> tuple[int, int] | None:
    if value is None:
        return None
    first, second = (value, value) if isinstance(value, int) else value
    if not (isinstance(first, int) and isinstance(second, int)):
        raise TypeError
    return first, second


SaltKind = Kind("an integer, two integers or None", _parse_salt)


class Categories(Layer):
    """A layer whose outputs are categories, or encodings of them.

    output_mode: "int", in which the outputs are integers: `integers` unless `dtype` says otherwise; or one
    of `encode`, floating unless `dtype` says otherwise.
    """

    integers: ClassVar[str] = "int64"
    output_mode: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        given = self._bind(args, {key: value for key, value in kwargs.items() if key in self.fields})
        if given.get("output_mode", "int") == "int" and not self._is_integer(kwargs.get("dtype")):
            kwargs["dtype"] = self.integers
        super().__init__(*args, **kwargs)

    @staticmethod
    def _is_integer(dtype: Any) -> bool:
        """Whether the outputs are to be of that integer type; files may have a floating one, which never counted."""
        return dtype is not None and DTypePolicy.parse(dtype).name.startswith(("int", "uint"))

    def encode(self, b: Emitter, x: Value, depth: int) -> Value:
        return encode(b, self, x, self.output_mode, depth, self.variable_dtype)


def encode(
    b: Emitter, layer: Layer, x: Value, mode: str, depth: int, dtype: str, weights: Value | None = None
) -> Value:
    """Categories x as `mode` says, in `dtype`. Source: encode_categorical_inputs in Keras.

    "int": as they are. "one_hot": a vector each, (..., 1) -> (..., depth), else (...) -> (..., depth).
    "multi_hot", "count": one vector per sample, (..., n) -> (..., depth), where a scalar is a sample;
    weights: what each counts. Raises ShapeError for samples with more than one axis, where Keras's
    output is not of the shape that it states.
    """
    if mode == "int":
        return x if x.dtype == dtype else b.cast(x, dtype=dtype)
    if not x.dtype.startswith(("int", "uint")):
        x = b.cast(x, dtype="int64")
    if not x.rank:
        x = b.expand_dims(x, axes=(0,))
    if mode == "one_hot":
        if x.rank > 1 and x.shape[-1] == 1:
            x = b.squeeze(x, axes=(-1,))
        return b.one_hot(x, depth=depth, dtype=dtype)
    if x.rank > 2:
        raise ShapeError(
            f"{layer}: output_mode '{mode}' takes samples (batch, n), received shape {shape_text(x.shape)}; "
            "Keras releases disagree on more axes"
        )
    return b.bin_count(x, weights, depth=depth, binary=mode == "multi_hot", dtype=dtype)
