"""Models that people write as a subclass of Model with a `call`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import settings
from ..errors import ArgumentError, InputError
from ..executor import Executor
from ..ir import TensorType, Value
from ..ir.types import ir_dtype
from ..layers.base import Layer, walk
from ..layers.emitter import Emitter
from ..layers.operations import Operation
from ..layers.symbolic import Call, KerasTensor, public_shape
from ..tree import flatten, map_structure, pack_like
from .data import are_tensors, unify_batch
from .model import Model


class OwnModel(Model):
    """What a subclass of Model with a `call` is: its layers are its attributes, its inputs what it is called on.

    `call` is traced for each nest, dtypes and sizes (but for the first axis) of data that come.
    """

    has_named_outputs = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._inputs: Any = None
        self._outputs: tuple[Any, Any] = (None, None)
        self._executors: dict[Any, Executor] = {}

    # --- structure --------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers that the model's attributes hold, in the order in which they came to."""
        return [layer for layer in self.sublayers if not isinstance(layer, Operation)]

    @property
    def input_structure(self) -> Any:
        """The nest of the data that the model was called on last, of Values."""
        if self._inputs is None:
            raise ArgumentError(f"model '{self.name}' has no inputs yet: call it on data, or build() it for a shape")
        return self._inputs

    @property
    def inputs(self) -> list[KerasTensor]:
        return [KerasTensor(v.type, Call(self, (), {}), i) for i, v in enumerate(self.training_inputs())]

    @property
    def input_names(self) -> list[str]:
        return [value.name for value in self.training_inputs()]

    @property
    def outputs(self) -> list[KerasTensor]:
        return flatten(self.output_structure)

    @property
    def output_structure(self) -> Any:
        key = self._signature()
        if self._outputs[0] != key:
            b = Emitter()
            values = b.call(self, map_structure(lambda v: b.input(v.type, v.name), self.input_structure))
            call = Call(self, (), {})
            self._outputs = key, map_structure(lambda v: KerasTensor(v.type, call, 0), values)
        return self._outputs[1]

    @property
    def output_names(self) -> list[str]:
        structure = self.output_structure
        if isinstance(structure, dict) and len(structure) == len(flatten(structure)):
            return sorted(structure)
        return [f"output_{index + 1}" for index in range(len(self.outputs))]

    # --- building ---------------------------------------------------------------

    @property
    def has_known_outputs(self) -> bool:
        return self._inputs is not None

    def build(self, input_shape: Any = None) -> None:
        """Make all weights, for the shape of a float input, batch axis included, or a nest of shapes."""
        if input_shape is None:
            return
        shapes = _shapes(input_shape)
        self.built = True
        self._take([TensorType(settings.floatx(), ("batch", *shape[1:])) for shape in flatten(shapes)], shapes)
        self.outputs  # noqa: B018 - makes the weights

    def build_for(self, args: tuple[Any, ...]) -> None:
        if self.built:
            return
        self.built = True
        if self._inputs is None and len(args) == 1:
            self._take([value.type for value in flatten(args[0])], args[0])
        if type(self).build is not OwnModel.build:
            self.build(map_structure(lambda v: public_shape(v.type), args[0]))

    def _take(self, types: Sequence[TensorType], structure: Any) -> None:
        names = _names(structure, len(types))
        self._inputs = pack_like(structure, [Value(t, name) for t, name in zip(types, names, strict=True)])

    # --- running ----------------------------------------------------------------

    def training_inputs(self) -> list[Value]:
        return flatten(self.input_structure)

    def training_arrays(self, data: Any, any_batch: bool = False) -> list[np.ndarray]:
        structure = _nest(data)
        arrays = [_as_array(leaf) for leaf in flatten(structure)]
        if not all(array.ndim for array in arrays):
            raise InputError(f"model '{self.name}' takes arrays with a batch axis, received a number")
        types = [_type(array) for array in arrays]
        if self._inputs is None or _shape_of(structure) != _shape_of(self._inputs) or types != self._signature():
            self._take(types, structure)
        return arrays

    def inputs_like(self, arrays: Sequence[np.ndarray]) -> list[Value]:
        return [Value(_type(a), name) for a, name in zip(arrays, self.input_names, strict=True)]

    def input_key(self, arrays: Sequence[np.ndarray]) -> Any:
        return tuple((array.dtype, array.shape[1:]) for array in arrays)

    def _signature(self) -> list[TensorType]:
        return [value.type for value in self.training_inputs()]

    @property
    def executor(self) -> Executor:
        """What runs the model on data like the last."""
        version = sum(layer.emission_version for layer in walk(self)), self.structure_version
        key = version, repr(self.input_structure), tuple(self._signature())
        if key not in self._executors:
            self._executors = {k: executor for k, executor in self._executors.items() if k[0] == version}
            self._executors[key] = Executor(self.graph())
        return self._executors[key]

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs for arrays, as arrays."""
        if kwargs or len(args) != 1:
            return self._evaluate(args, kwargs, training=False)
        arrays = self._arrays(args[0])
        return self.pack(self.executor(arrays))

    def _arrays(self, data: Any, any_batch: bool = False) -> list[np.ndarray]:
        arrays = self.training_arrays(data, any_batch)
        unify_batch(arrays, self.input_names)
        return arrays

    # --- files ------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """What every layer has; a subclass adds the arguments of its constructor."""
        return self.base_config()

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        return cls(**config)


def adopt(cls: type[Model]) -> None:
    """Let a class that derives from Model alone derive from what has the rest of a model.

    That is OwnModel where it has a `call`, else Functional: `class Mine(Model)` is made as `Mine(inputs, outputs)`.
    Source: keras.src.models.model.inject_functional_model_class.
    """
    from .functional import Functional

    own = any({"call", "train_step"} & vars(base).keys() for base in cls.__mro__[: cls.__mro__.index(Model)])
    heir = OwnModel if own else Functional
    for base in cls.__mro__[: cls.__mro__.index(Model)]:
        if Model in base.__bases__:
            base.__bases__ = tuple(heir if parent is Model else parent for parent in base.__bases__)
    Layer.call_signature.cache_clear()


def _nest(data: Any) -> Any:
    """Data as a nest of arrays; a list of numbers is one."""
    if isinstance(data, Mapping):
        return {key: _nest(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)) and are_tensors(data):
        return [_nest(item) for item in data]
    return data


def _as_array(data: Any) -> np.ndarray:
    array = np.asarray(data)
    if array.dtype.kind in "US":
        return array.astype(object)
    if array.dtype.kind not in "fiubO":
        raise InputError(f"the model's inputs must be numbers or strings, received dtype {array.dtype}")
    return array.astype(settings.floatx(), copy=False) if array.dtype.kind == "f" else array


def _type(array: np.ndarray) -> TensorType:
    return TensorType(ir_dtype(array), ("batch", *array.shape[1:]))


def _shape_of(structure: Any) -> Any:
    """A nest without its leaves."""
    return repr(map_structure(lambda _: 0, structure))


def _shapes(shape: Any) -> Any:
    """A nest of shapes, whose leaves are tuples that `flatten` leaves alone."""
    if isinstance(shape, Mapping):
        return {key: _shapes(value) for key, value in shape.items()}
    if any(isinstance(item, (list, tuple)) for item in shape):
        return [_shapes(item) for item in shape]
    return _Shape(shape)


class _Shape:
    """A shape as a leaf."""

    def __init__(self, sizes: Sequence[int | None]) -> None:
        self.sizes = tuple(sizes)

    def __getitem__(self, key: Any) -> Any:
        return self.sizes[key]


def _names(structure: Any, count: int) -> list[str]:
    if isinstance(structure, Mapping) and len(structure) == count:
        return sorted(structure)
    return ["inputs"] if count == 1 else [f"input_{index + 1}" for index in range(count)]
