"""Layer: fields, weights, and what they emit into the IR."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any, ClassVar

import numpy as np

from .. import changes, constraints, initializers, regularizers
from ..config import Configurable, serialize
from ..errors import ArgumentError, WeightMismatchError
from ..ir import TensorType, Value, Variable
from ..ir.types import type_of
from ..ir.variable_operators import TRACE, traced
from ..naming import to_snake_case, unique_name
from ..overriding import overrides
from ..reference import evaluate
from ..tree import flatten, map_structure
from .dtype_policy import DTypePolicy
from .emitter import Emitter
from .random_stream import RandomStream
from .seed_generator import SeedGenerator
from .symbolic import Call, KerasTensor, call_symbolically, public_shape
from .tracing import emit_call
from .tracking import tracked

_INPUT_ARGUMENTS = (
    "input_shape",
    "batch_input_shape",
    "batch_shape",
    "input_dim",
    "batch_size",
    "input_dtype",
)

_FIRST_ARGUMENTS = ("inputs", "sequences", "sequence", "data")
"""Names of the first argument of `call` in Keras."""


class Layer(Configurable):
    """Base of all layers.

    A subclass lists its config as Fields, makes its weights in `build(input_shape)` with
    `add_weight`, and states its meaning in `emit(b, x)`, which applies operators to Values with the
    builder `b` and returns Values. Shapes, `get_config`, loading and saving follow from these.

    name, trainable, dtype: as in Keras; dtype is a policy or its name.
    input_shape, batch_input_shape, batch_shape, input_dim, batch_size, input_dtype: the input of a
        model's first layer, without or with the batch axis.
    weights: arrays to start from, in the order of `get_weights()`.
    """

    supports_masking: ClassVar[bool] = False
    input_spec: Any = None
    _own_weights: list[Variable]
    _sublayers: list[Layer]
    _emission_version: int
    _random_stream: RandomStream | None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "compute_mask" in vars(cls):
            cls.supports_masking = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        instance = super().__new__(cls)
        object.__setattr__(instance, "_own_weights", [])
        object.__setattr__(instance, "_sublayers", [])
        object.__setattr__(instance, "_emission_version", 0)
        object.__setattr__(instance, "_random_stream", None)
        return instance

    def __init__(
        self,
        *args: Any,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        weights: Any = None,
        **kwargs: Any,
    ) -> None:
        self.name = name or unique_name(to_snake_case(type(self).__name__))
        self.dtype_policy = DTypePolicy.parse(dtype)
        self.autocast = autocast
        self.built = False
        self.build_shape: Any = None
        self.calls: list[Call] = []
        arguments = [key for key in _INPUT_ARGUMENTS if key in kwargs and key not in self.fields]
        self.input_arguments = {key: kwargs.pop(key) for key in arguments}
        if "activity_regularizer" not in self.fields:
            self.activity_regularizer = regularizers.get(kwargs.pop("activity_regularizer", None))
        self._initial_weights = weights
        self._trainable = bool(trainable)
        super().__init__(*args, **kwargs)

    # --- what subclasses define -------------------------------------------------

    def build(self, input_shape: Any) -> None:
        """Make the weights. `input_shape`: sizes with None where open, or a list of such."""

    def emit(self, b: Emitter, *args: Any, **kwargs: Any) -> Any:
        """The layer's outputs as Values, for the Values it is called on.

        A subclass may define `call` instead: a function of tensors made of `kcompat.ops` and layers, as in Keras.
        It is called with symbols, once for each graph; `training` is a bool.
        """
        raise NotImplementedError(f"{type(self).__name__} defines neither call(x) nor emit(b, x)")

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What `emit` gives, for a `call` of a subclass to begin with."""
        return _Inherited(self)(*args, **kwargs)

    @classmethod
    def has_own_call(cls) -> bool:
        """Whether `call` of a subclass says what the layer computes, and not `emit`."""
        return overrides(cls, "call", "emit")

    def emit_as_called(self, b: Emitter, *args: Any, **kwargs: Any) -> Any:
        """What `call` of a subclass gives where there is one, else `emit`."""
        if not self.has_own_call():
            return self.emit(b, *args, **kwargs)
        if "training" in inspect.signature(self.call).parameters:
            kwargs = {**kwargs, "training": b.training}
        outputs = emit_call(self, b, self.call, args, kwargs)
        if outputs is None:
            raise ArgumentError(f"{self} must give tensors made with kcompat.ops, received None")
        return outputs

    def add_loss(self, loss: Any) -> None:
        """Add a tensor, or several, to what training minimizes; for use in `call`."""
        trace = TRACE.get()
        if trace is None:
            raise ArgumentError(f"{self}: add_loss is for use in call()")
        trace.losses.extend(flatten(loss))

    @property
    def has_state(self) -> bool:
        """Whether what the layer gives may depend on more than its arguments: on weights, say."""
        return True

    @property
    def losses(self) -> list[Any]:
        """The penalties of regularized weights; in `call` and `compute_loss` also what layers have added so far."""
        trace = TRACE.get()
        added = [] if trace is None else [trace.symbol(loss) for loss in trace.b.losses]
        penalized = [weight for weight in self.trainable_weights if weight.regularizer is not None]
        return added + [weight.regularizer(weight.value if trace is None else weight) for weight in penalized]

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        """The masks of the outputs, for the masks of the inputs (None where a value has none).

        Asked only of layers with `supports_masking`; by default a mask passes through, or is what `compute_mask`
        of a subclass makes of it.
        """
        return emit_call(self, b, self.compute_mask, (inputs, mask), {}) if self.has_own_mask() else mask

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """The masks of the outputs on `inputs`; a subclass that has one supports masking."""
        return _InheritedMask(self)(inputs, previous_mask)

    @classmethod
    def has_own_mask(cls) -> bool:
        """Whether a subclass says with `compute_mask` which steps are real."""
        return cls.compute_mask is not Layer.compute_mask

    @property
    def emission_version(self) -> int:
        """Grows when the layer comes to emit another graph, beyond other values of its weights."""
        return self._emission_version

    def emission_changed(self) -> None:
        """Let models that hold this layer emit it again."""
        self._emission_version += 1
        changes.note()

    @property
    def takes_mask(self) -> bool:
        """Whether `emit` has a parameter `mask`."""
        return "mask" in self.call_signature().parameters

    @classmethod
    @cache
    def call_signature(cls) -> inspect.Signature:
        """The arguments of a call: those of `emit` after the builder, or of the layer's own `call`."""
        own = cls.has_own_call()
        parameters = list(inspect.signature(cls.call if own else cls.emit).parameters.values())
        return inspect.Signature([p for p in parameters[1 if own else 2 :] if p.name != "training"])

    @property
    def makes_mask(self) -> bool:
        """Whether masks leave this layer that did not enter it."""
        return type(self).emit_mask is not Layer.emit_mask or self.has_own_mask()

    # --- weights ----------------------------------------------------------------

    def add_weight(
        self,
        shape: Any = (),
        initializer: Any = "glorot_uniform",
        *,
        name: str | None = None,
        trainable: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        dtype: str | None = None,
    ) -> Variable:
        """A new weight of this layer. Raises ArgumentError if a size of its shape is not known."""
        shape, name = tuple(shape), name or unique_name("variable")
        if not all(isinstance(size, int) for size in shape):
            raise ArgumentError(
                f"layer '{self.name}' ({type(self).__name__}): weight '{name}' needs known sizes, received {shape}; "
                "give the input's last axis a size"
            )
        variable = Variable(
            name,
            shape,
            dtype or self.dtype_policy.variable_dtype,
            initializers.get(initializer),
            trainable,
            path=f"{self.name}/{name}",
        )
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        self._own_weights.append(variable)
        return variable

    def add_variable(self, shape: Any, initializer: Any, dtype: Any = None, trainable: bool = True, **more: Any) -> Any:
        """`add_weight` under its older name."""
        return self.add_weight(shape, initializer, dtype=dtype, trainable=trainable, **more)

    def add_configured_weight(self, role: str, shape: Any, name: str | None = None) -> Variable:
        """A new weight with the fields `<role>_initializer`, `<role>_regularizer` and `<role>_constraint`."""
        return self.add_weight(
            shape,
            getattr(self, f"{role}_initializer"),
            name=name or role,
            regularizer=getattr(self, f"{role}_regularizer"),
            constraint=getattr(self, f"{role}_constraint"),
        )

    @property
    def own_weights(self) -> list[Variable]:
        """This layer's own weights, without those of layers in it: trainable ones first."""
        own = self._own_weights
        return [w for w in own if w.trainable] + [w for w in own if not w.trainable]

    @property
    def stored_weights(self) -> list[Variable]:
        """This layer's own weights in the order in which Keras keeps them in `.weights.h5` files."""
        return self.own_weights

    @property
    def merged_weights(self) -> list[Variable]:
        """Own weights that `.weights.h5` files do not hold, as they are merged into others, and that are zero then."""
        return []

    def stored_variables(self, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Variable]:
        """This layer's own state by the names that it has in `.weights.h5` files.

        shapes: of what a file has for this layer; empty when one is written.
        """
        return {str(index): variable for index, variable in enumerate(self.stored_weights)}

    def stored_assets(self) -> dict[str, bytes]:
        """The files, by name, that archives keep for this layer beside the weights."""
        return {}

    def take_assets(self, files: Mapping[str, bytes]) -> None:
        """Take what an archive has kept for this layer. Raises LoadError."""

    @property
    def sublayers(self) -> list[Layer]:
        """Layers that this layer holds and calls."""
        return self._sublayers

    @property
    def weights(self) -> list[Variable]:
        """All weights, own ones first, each once."""
        found = self.own_weights + [w for layer in self.sublayers for w in layer.weights]
        return list({id(w): w for w in found}.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        """Weights that training changes: none of a frozen layer."""
        if not self.trainable:
            return []
        found = [w for w in self.own_weights if w.trainable]
        found += [w for layer in self.sublayers for w in layer.trainable_weights]
        return list({id(w): w for w in found}.values())

    @property
    def non_trainable_weights(self) -> list[Variable]:
        trained = {id(w) for w in self.trainable_weights}
        return [w for w in self.weights if id(w) not in trained]

    @property
    def variables(self) -> list[Variable]:
        return self.weights

    trainable_variables = trainable_weights
    non_trainable_variables = non_trainable_weights

    def get_weights(self) -> list[np.ndarray]:
        """Copies of all weights, in the order of `weights`."""
        return [w.numpy() for w in self.weights]

    def set_weights(self, arrays: Any) -> None:
        """Replace all weights. Raises WeightMismatchError, changing none, unless number and shapes fit."""
        variables, arrays = self.weights, [np.asarray(array) for array in arrays]
        if len(variables) != len(arrays):
            raise WeightMismatchError(
                f"layer '{self.name}' ({type(self).__name__}) has {len(variables)} weights, received {len(arrays)}"
            )
        for variable, array in zip(variables, arrays, strict=True):
            if variable.shape != array.shape:
                raise WeightMismatchError(
                    f"layer '{self.name}' ({type(self).__name__}): weight '{variable.path}' has shape "
                    f"{variable.shape}, received {array.shape}"
                )
        for variable, array in zip(variables, arrays, strict=True):
            variable.assign(array)

    def count_params(self) -> int:
        """Number of elements of all weights."""
        return sum(w.size for w in self.weights)

    @property
    def stream(self) -> RandomStream:
        """The layer's random numbers in training."""
        if self._random_stream is None:
            self._random_stream = RandomStream(getattr(self, "seed", None), f"{self.name}/seed_generator")
        return self._random_stream

    @property
    def trainable(self) -> bool:
        """Whether training changes the layer's weights; setting it sets it in all layers inside."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for layer in self.sublayers:
            layer.trainable = value

    # --- building and calling ---------------------------------------------------

    def build_for(self, args: tuple[Any, ...]) -> None:
        """Build once, for the shapes of a call's first argument."""
        if self.built:
            return
        shape = map_structure(lambda v: public_shape(v.type) if isinstance(v, Value) else None, args[0] if args else ())
        self.build_once(shape)

    def build_once(self, input_shape: Any) -> None:
        """Build unless already built, then start from the weights given to the constructor."""
        if self.built:
            return
        self.build(input_shape)
        self.build_shape = input_shape
        self.built = True
        if self._initial_weights is not None:
            self.set_weights(self._initial_weights)
            self._initial_weights = None

    def build_inner(self, layer: Layer, input_shape: Any) -> None:
        """Build a layer that this one holds, with its weights' paths below this one's name."""
        if layer.built:
            return
        layer.build_once(input_shape)
        for weight in layer.weights:
            weight.path = f"{self.name}/{weight.path}"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic on KerasTensors; on arrays, the result as arrays."""
        args, kwargs = map_structure(traced, (args, kwargs))
        flags = {"training": kwargs.pop("training")} if "training" in kwargs else {}
        if not args:
            args, kwargs = self._by_position(kwargs)
        trace = TRACE.get()
        if trace is not None and (self.has_state or trace.knows((args, kwargs))):
            return trace.call(self, args, kwargs, **flags)
        if any(isinstance(leaf, KerasTensor) for leaf in flatten((args, kwargs))):
            outputs = call_symbolically(self, args, kwargs)
            self.calls[-1].flags = flags
            return outputs
        if flags.get("training"):
            return self._evaluate(args, kwargs, training=True)
        return self.run(args, kwargs)

    def _by_position(self, kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The first argument by position that is given by a name, which may be its name in Keras."""
        for name in (*islice(self.call_signature().parameters, 1), *_FIRST_ARGUMENTS):
            if name in kwargs:
                return (kwargs[name],), {key: value for key, value in kwargs.items() if key != name}
        return (), kwargs

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs for arrays, evaluated with the operators' NumPy meanings.

        args: nests of what NumPy makes arrays of, or None. kwargs: nests of arrays, and options.
        """
        return self._evaluate(args, kwargs, training=False)

    def _evaluate(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
        emitter = Emitter(training)
        arrays: list[np.ndarray] = []

        def enter(leaf: Any) -> Value:
            array = np.asarray(leaf)
            arrays.append(array.astype(np.float32) if array.dtype == np.float64 else array)
            return emitter.input(type_of(arrays[-1]))

        given = map_structure(lambda leaf: None if leaf is None else enter(leaf), args)
        named = map_structure(lambda leaf: enter(leaf) if isinstance(leaf, np.ndarray) else leaf, kwargs)
        values = emitter.call(self, *given, **named)
        results = iter(evaluate(emitter.build(flatten(values)), arrays))
        return map_structure(lambda _: next(results), values)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer gives for KerasTensors, which becomes no part of a model."""
        outputs = call_symbolically(self, args, kwargs)
        self.calls.pop()
        return outputs

    def compute_output_shape(self, input_shape: Any) -> Any:
        """The shapes of the outputs for shapes of the inputs, with None where open."""
        emitter = Emitter()
        nested = isinstance(input_shape, list) or (input_shape and isinstance(input_shape[0], (list, tuple)))
        shapes = input_shape if nested else [input_shape]
        inputs = [emitter.input(TensorType(self.assumed_input_dtype, tuple(shape))) for shape in shapes]
        values = emitter.call(self, inputs if nested else inputs[0])
        return map_structure(lambda value: public_shape(value.type), values)

    # --- description ------------------------------------------------------------

    @property
    def path(self) -> str:
        """The layer's name."""
        return self.name

    @property
    def compute_dtype(self) -> str:
        return self.dtype_policy.compute_dtype

    @property
    def assumed_input_dtype(self) -> str:
        """The dtype of inputs of which only the shapes are known."""
        return self.compute_dtype

    @property
    def variable_dtype(self) -> str:
        return self.dtype_policy.variable_dtype

    @property
    def dtype(self) -> str:
        return self.variable_dtype

    @property
    def input(self) -> Any:
        """The KerasTensors of the layer's first call."""
        tensors = self._first_call().input_tensors
        return tensors[0] if len(tensors) == 1 else tensors

    @property
    def output(self) -> Any:
        """What the layer's first call returned."""
        return self._first_call().outputs

    def _first_call(self) -> Call:
        if not self.calls:
            raise ArgumentError(f"{self} has not been called, and so has no input and output")
        return self.calls[0]

    def get_config(self) -> dict[str, Any]:
        return {**self.base_config(), **super().get_config()}

    def base_config(self) -> dict[str, Any]:
        """The entries that every layer has."""
        config = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy.get_config()}
        if "activity_regularizer" not in self.fields and self.activity_regularizer is not None:
            config["activity_regularizer"] = serialize(self.activity_regularizer)
        return config

    def get_build_config(self) -> dict[str, Any] | None:
        if not self.built or self.build_shape is None or not self.weights:
            return None
        return {"input_shape": self.build_shape}

    def __setattr__(self, name: str, value: Any) -> None:
        if self.has_own_call() and name not in self.fields:
            value = tracked(value, self._hold)
        super().__setattr__(name, value)
        self._hold(self._values.get(name, value))

    def _hold(self, part: Any) -> None:
        """Let a layer, or a variable that the user made, be part of this layer."""
        if isinstance(part, Layer) and part is not self and part not in self._sublayers:
            self._sublayers.append(part)
        elif isinstance(part, Variable) and self.has_own_call() and part not in self._own_weights:
            self._own_weights.append(part)
        elif isinstance(part, SeedGenerator) and self._random_stream is None:
            self._random_stream = part.stream

    def __str__(self) -> str:
        return f"layer '{self.__dict__.get('name', '?')}' ({type(self).__name__})"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}, built={self.built}>"


class _Inherited(Layer):
    """What a layer's class emits, where a subclass of it has a `call`."""

    layer: Layer

    def __init__(self, layer: Layer) -> None:
        super().__init__(name=layer.name, dtype=layer.dtype_policy, autocast=False)
        self.__dict__["layer"] = layer
        self.built = True

    @property
    def takes_mask(self) -> bool:
        return "mask" in inspect.signature(self.layer.emit).parameters

    def emit(self, b: Emitter, *args: Any, **kwargs: Any) -> Any:
        return self.layer.emit(b, *args, **kwargs)


class _InheritedMask(_Inherited):
    """The masks that a layer's class makes."""

    def emit(self, b: Emitter, inputs: Any, mask: Any = None) -> Any:
        return self.layer.emit_mask(b, inputs, mask)


def walk(layer: Layer) -> Iterator[Layer]:
    """A layer and every layer inside it, outermost first."""
    yield layer
    for inner in layer.sublayers:
        yield from walk(inner)
