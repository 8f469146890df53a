"""The entry of a model."""

from __future__ import annotations

from typing import Any

from ..config import registered
from ..errors import ArgumentError
from ..ir import TensorType, Value
from ..ir.types import DTYPES, Dim
from .base import Layer
from .emitter import Emitter
from .symbolic import Call, KerasTensor, record


@registered("keras.layers")
class InputLayer(Layer):
    """A placeholder that becomes one input of a model.

    shape: without the batch axis, None where open; batch_shape: with it. dtype: of the data, to
    which a model casts what it is given. Source: keras.layers.InputLayer.
    """

    neutral = {"sparse": False, "ragged": False, "optional": False}

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        *,
        batch_shape: Any = None,
        batch_input_shape: Any = None,
        input_shape: Any = None,
        input_dtype: Any = None,
        sparse: bool = False,
        ragged: bool = False,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, dtype=dtype or input_dtype, **kwargs)
        if sparse or ragged or optional:
            raise ArgumentError(f"{self}: sparse, ragged and optional inputs are not supported")
        full = batch_shape if batch_shape is not None else batch_input_shape
        if full is None:
            own = shape if shape is not None else input_shape
            full = (batch_size, *_as_shape(own, self))
        self.batch_shape = _as_shape(full, self)
        self.type = TensorType(self.data_dtype, _named(self.batch_shape))
        self.built = True
        self.build_shape = self.batch_shape
        call = Call(self, (), {})
        record(call, self.type)

    @property
    def data_dtype(self) -> str:
        """The dtype to which a model casts this input."""
        name = self.dtype_policy.name
        return name if name in DTYPES else self.dtype_policy.compute_dtype

    @property
    def tensor(self) -> KerasTensor:
        return self.calls[0].output_tensors[0]

    def emit(self, b: Emitter, x: Value) -> Value:
        return x

    def get_config(self) -> dict[str, Any]:
        return {
            "batch_shape": list(self.batch_shape),
            "dtype": self.dtype_policy.name,
            "sparse": False,
            "ragged": False,
            "optional": False,
            "name": self.name,
        }


def _as_shape(shape: Any, owner: Layer) -> tuple[int | None, ...]:
    if isinstance(shape, int):
        shape = (shape,)
    valid = isinstance(shape, (list, tuple)) and all(
        dim is None or (isinstance(dim, int) and dim >= 0) for dim in shape
    )
    if not valid:
        raise ArgumentError(f"{owner}: a shape is a tuple of sizes or None, received {shape!r}")
    return tuple(shape)


def _named(shape: tuple[int | None, ...]) -> tuple[Dim, ...]:
    return ("batch", *shape[1:]) if shape and shape[0] is None else shape


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool = False,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> KerasTensor:
    """A symbolic tensor from which a functional model starts; see InputLayer for the arguments."""
    if tensor is not None:
        raise ArgumentError("Input(tensor=...) is not supported: give a shape")
    layer = InputLayer(shape, batch_size, dtype, batch_shape=batch_shape, sparse=sparse, optional=optional, name=name)
    return layer.tensor
