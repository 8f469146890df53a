"""Nodes of Keras 2 models that are functions of TensorFlow: TFOpLambda, SlicingOpLambda, TensorFlowOpLayer.

A node becomes the operations of Keras 3 that compute the same, when its call is replayed: what is
known then of shapes and dtypes decides. Names come from closed tables; anything else is refused by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from kcompat.config import CLASSES
from kcompat.errors import ConfigError, UnknownLayerError
from kcompat.layers import KerasTensor, Layer
from kcompat.layers.operations import MODULES
from kcompat.naming import to_snake_case
from kcompat.tree import flatten, map_structure

from ..spec import LayerSpec
from . import NODES, nodes
from . import elements as elements  # enter their functions in SYMBOLS
from . import reductions as reductions
from . import shapes as shapes
from .symbols import SYMBOLS, Size, Vector


class FunctionNode:
    """A function of TensorFlow that is called as a layer is, and makes the operations of each call.

    operations: those made so far; the first has the node's name.
    """

    def __init__(self, spec: LayerSpec) -> None:
        self.name = spec.name
        self.operations: list[Layer] = []
        self._function = _function_of(spec)

    def __call__(self, *args: Any, **kwargs: Any) -> list[Any]:
        """The outputs of a call, tensors and sizes. Raises ConfigError for arguments that are not the function's."""
        kwargs.pop("name", None)
        try:
            inspect.signature(self._function).bind(self._make, *args, **kwargs)
        except TypeError as error:
            raise ConfigError(f"node '{self.name}': {error}") from None
        outputs = self._function(self._make, *args, **kwargs)
        return outputs if isinstance(outputs, list) else [outputs]

    def _make(self, class_name: str, *tensors: Any, **config: Any) -> Any:
        """A new operation, or a layer for "layers.<class>", called on tensors; on constants, their values."""
        operation = _class_of(class_name)(**config, name=self._next_name(class_name))
        operands = map_structure(self._operand, tensors)
        if any(isinstance(tensor, KerasTensor) for tensor in flatten(operands)):
            self.operations.append(operation)
            return operation(*operands)
        return map_structure(_number, operation(*operands))

    def _operand(self, tensor: Any) -> Any:
        """A tensor or a constant; of a shape, its sizes. Raises ConfigError where one of them is open."""
        sizes = tensor.sizes if isinstance(tensor, Vector) else (tensor,)
        if any(isinstance(size, Size) for size in sizes):
            raise ConfigError(f"node '{self.name}': computing with sizes that are not known yet is not supported")
        return np.asarray(sizes, np.int32) if isinstance(tensor, Vector) else tensor

    def _next_name(self, class_name: str) -> str:
        if not self.operations:
            return self.name
        return f"{self.name}_{to_snake_case(class_name.rpartition('.')[2])}_{len(self.operations)}"


def _number(array: np.ndarray) -> Any:
    """A whole number as Python has it, which shapes and indices are made of; other arrays as they are."""
    return int(array) if array.ndim == 0 and array.dtype == np.int32 else array


def _class_of(name: str) -> Callable[..., Layer]:
    if name.startswith("layers."):
        return CLASSES["keras.layers"][name.removeprefix("layers.")]  # type: ignore[return-value]
    return next(CLASSES[module][name] for module in MODULES if name in CLASSES[module])  # type: ignore[return-value]


def _function_of(spec: LayerSpec) -> Callable[..., Any]:
    """What a node computes. Raises UnknownLayerError naming the function."""
    if spec.class_name == "TensorFlowOpLayer":
        return nodes.function_of(spec)
    name = spec.config.get("function") or spec.config.get("class_symbol") or spec.config.get("attr_name")
    found = SYMBOLS.get(str(name).removeprefix("compat.v1.")) if spec.class_name in NODES else None
    if found is None:
        raise UnknownLayerError(
            f"layer '{spec.name}' ({spec.class_name}) is the TensorFlow function '{name}', which kcompat does not "
            f"know; pass custom_objects={{'{spec.name}': YourLayer()}}, a subclass of kcompat.Layer that computes it"
        )
    return found
