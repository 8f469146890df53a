"""Model: what Sequential and functional models share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sized
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import changes
from ..errors import ArgumentError, InputError
from ..executor import Executor, QuickCall
from ..ir import Graph, Value
from ..ir.types import TensorType
from ..layers.base import Layer, walk
from ..layers.emitter import Emitter
from ..layers.masks import as_mask
from ..layers.symbolic import KerasTensor
from ..progress import ProgressBar
from ..tree import flatten, pack_like
from .data import arrange, as_input, batch_size_for, input_of, is_stream, split, unify_batch
from .training import TrainableModel

if TYPE_CHECKING:
    from .keeping import Keeping


class Model(TrainableModel):
    """A layer with inputs and outputs of its own, that predicts, is saved and is shown.

    `Model(inputs, outputs, name=None)` makes a functional model from KerasTensors; a subclass with a `call` says in
    it what it computes, with layers that it holds as attributes.
    """

    keeping: Keeping | None = None
    """Keeps what the model first runs as, if it is that of a file."""

    is_self_contained: bool = True
    """Whether the file that the model is from holds all of it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model:
            from .functional import Functional

            return super().__new__(Functional)
        if cls.layers is Model.layers:
            from .own import adopt

            adopt(cls)
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._executor: Executor | None = None
        self._executor_version = 0
        self._quick: Mapping[Any, QuickCall] = {}
        self._is_lone = False

    # --- structure --------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The model's layers, outermost level only."""
        raise NotImplementedError

    @property
    def inputs(self) -> list[KerasTensor]:
        raise NotImplementedError

    @property
    def outputs(self) -> list[KerasTensor]:
        raise NotImplementedError

    @property
    def input_structure(self) -> Any:
        """The nest in which the inputs were declared."""
        return self.inputs[0] if len(self.inputs) == 1 else self.inputs

    @property
    def output_structure(self) -> Any:
        """The nest in which the outputs were declared, and in which predictions come."""
        return self.outputs[0] if len(self.outputs) == 1 else self.outputs

    @property
    def input(self) -> Any:
        return self.input_structure

    @property
    def output(self) -> Any:
        return self.output_structure

    @property
    def input_names(self) -> list[str]:
        return [tensor.call.layer.name for tensor in self.inputs]

    @property
    def output_names(self) -> list[str]:
        return [tensor.call.layer.name for tensor in self.outputs]

    @property
    def input_shape(self) -> Any:
        shapes = [tensor.shape for tensor in self.inputs]
        return shapes[0] if len(shapes) == 1 else shapes

    @property
    def output_shape(self) -> Any:
        shapes = [tensor.shape for tensor in self.outputs]
        return shapes[0] if len(shapes) == 1 else shapes

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """The layer of that name, or at that place. Raises ArgumentError."""
        if (name is None) == (index is None):
            raise ArgumentError("get_layer takes a name or an index")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ArgumentError(f"model '{self.name}' has {len(self.layers)} layers, received index {index}")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ArgumentError(f"model '{self.name}' has no layer '{name}'; it has {[x.name for x in self.layers]}")

    # --- running ----------------------------------------------------------------

    @property
    def takes_mask(self) -> bool:
        """Masks reach the layers inside with the inputs; only a mask that a call gives is handed over."""
        return False

    def graph(self) -> Graph:
        """The model as IR: inputs named as its input layers, weights as parameters."""
        emitter = Emitter()
        values = [emitter.input(value.type, value.name) for value in self.training_inputs()]
        return emitter.build(self.emit_outputs(emitter, values))

    def training_inputs(self) -> list[Value]:
        return [
            Value(TensorType(tensor.dtype, tensor.type.shape), name)
            for tensor, name in zip(self.inputs, self.input_names, strict=True)
        ]

    def emit_outputs(self, b: Emitter, inputs: list[Value]) -> list[Value]:
        return flatten(b.call(self, pack_like(self.input_structure, inputs)))

    def training_arrays(self, data: Any, any_batch: bool = False) -> list[np.ndarray]:
        inputs = self.training_inputs()
        entries = arrange(data, self.input_names, self.input_structure, f"model '{self.name}'")
        return [as_input(e, v, any_batch) for e, v in zip(entries, inputs, strict=True)]

    @property
    def executor(self) -> Executor:
        """What runs the model; made on first use, and when a layer in it has changed."""
        version = sum(layer.emission_version for layer in walk(self))
        if self._executor is None or self._executor_version != version:
            self._executor, self._executor_version = Executor(self.graph()), version
        return self._executor

    def structure_changed(self) -> None:
        """Forget what was derived from the layers, after one was added or removed."""
        self._executor = None
        self.structure_version += 1
        changes.note()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Symbolic on KerasTensors; on arrays, the result as arrays."""
        if self._quick and not kwargs and len(args) == 1:
            (x,) = args
            if self._is_lone and type(x) is np.ndarray:
                quick = self._quick.get((x.shape,))
                outputs = None if quick is None else quick.lone(x)
            else:
                outputs = self._quickly(x)
            if outputs is not None:
                return outputs
        return super().__call__(*args, **kwargs)

    def _quickly(self, x: Any) -> Any:
        """The outputs for an array or a list of them, if their shapes have been met and they need no care."""
        arrays = (x,) if type(x) is np.ndarray else x if type(x) in (list, tuple) else ()
        shapes = tuple([array.shape for array in arrays if type(array) is np.ndarray])
        quick = self._quick.get(shapes)
        outputs = None if quick is None or len(shapes) < len(arrays) else quick(arrays)
        return outputs if outputs is None else self.pack(outputs)

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The outputs for arrays, as arrays."""
        if kwargs.pop("mask", None) is not None or kwargs or len(args) != 1:
            raise ArgumentError(f"model '{self.name}' is called with its inputs alone")
        arrays = self._arrays(args[0])
        executor = self.executor
        outputs = self.pack(executor(arrays))
        self._quick, self._is_lone = executor.quick_calls, isinstance(outputs, np.ndarray)
        self._keep(arrays)
        return outputs

    def _keep(self, arrays: list[Any]) -> None:
        """Keep on disk what has run first, if the model is that of a file."""
        if self.keeping is not None:
            keeping, self.keeping = self.keeping, None
            keeping.keep(self, [array.shape for array in arrays])

    def whole(self) -> tuple[Executor, list[int], list[int]] | None:
        """What runs all of the model; the number of the model's input that is each of its inputs, and of its output
        that is each of the model's. None if more than one graph runs."""
        return self.executor, list(range(len(self.inputs))), list(range(len(self.outputs)))

    @property
    def predicts(self) -> str:
        """Whether `predict` runs "batches" of any size, the "whole" of its data at once, or "other" things."""
        first = [tensor.shape[:1] for tensor in (*self.inputs, *self.outputs)]
        return "batches" if all(sizes and not isinstance(sizes[0], int) for sizes in first) else "other"

    def predict_on_batch(self, x: Any) -> Any:
        """The outputs for one batch, as arrays."""
        return self(x)

    def predict(
        self,
        x: Any,
        batch_size: int | None = None,
        verbose: int | str = "auto",
        steps: int | None = None,
        callbacks: Any = None,
    ) -> Any:
        """The outputs for all samples of x, computed batch by batch.

        x: an array, a list or a dict by input name, or an iterator of such batches (or of tuples
        that begin with one). batch_size: samples per step, 32 by default. verbose: "auto", 0, 1 or 2.
        steps: stop after so many batches. callbacks: their hooks for prediction are called.
        Returns arrays in the nest of the model's outputs. Raises InputError if x does not fit.
        """
        if is_stream(x):
            batches, total = self._stream(x, batch_size)
        else:
            batches, total = self._batches(x, batch_size)
        results: list[list[np.ndarray]] = []
        total = total if steps is None else steps
        bar = ProgressBar(total, verbose)
        hooks = self._prediction_hooks(callbacks, verbose, total)
        self.stop_predicting = False
        hooks.on_predict_begin()
        for batch in batches if steps is None else islice(batches, steps):
            hooks.on_predict_batch_begin(bar.step)
            results.append(self.executor(batch))
            self._keep(batch)
            hooks.on_predict_batch_end(bar.step, {"outputs": self.pack(results[-1])})
            bar.advance()
            if self.stop_predicting:
                break
        hooks.on_predict_end()
        if not results:
            raise InputError(f"model '{self.name}': there is no sample to predict")
        if steps is not None and bar.step < steps:
            warnings.warn(f"predict: the data ended after {bar.step} of {steps} steps", stacklevel=2)
        bar.close()
        return self.pack([np.concatenate(parts) for parts in zip(*results, strict=True)])

    def _prediction_hooks(self, callbacks: Any, verbose: int | str, steps: int | None) -> Any:
        """What the hooks for prediction are called on."""
        if not callbacks:
            return NoHooks()
        from ..callbacks.callback_list import CallbackList

        return CallbackList(callbacks, model=self, verbose=verbose, epochs=1, steps=steps)

    def _stream(self, x: Any, batch_size: int | None) -> tuple[Iterator[list[np.ndarray]], int | None]:
        if batch_size is not None:
            raise ArgumentError(
                "predict: batch_size is for arrays; a generator decides itself how large its batches are"
            )
        from ..training.batches import is_indexed

        batches = _indexed(x) if is_indexed(x) else iter(x)
        return (self._arrays(input_of(batch)) for batch in batches), len(x) if isinstance(x, Sized) else None

    def _batches(self, x: Any, batch_size: int | None) -> tuple[Iterator[list[np.ndarray]], int]:
        arrays = self._arrays(x, any_batch=True)
        inputs = self.executor.graph.inputs
        count, size = unify_batch(arrays, self.input_names), batch_size_for(inputs, batch_size)
        return split(arrays, inputs, count, size), -(-count // size)

    def _arrays(self, data: Any, any_batch: bool = False) -> list[np.ndarray]:
        inputs = self.executor.graph.inputs
        names = [value.name for value in inputs]
        entries = arrange(data, names, self.input_structure, f"model '{self.name}'")
        arrays = [as_input(e, v, any_batch) for e, v in zip(entries, inputs, strict=True)]
        unify_batch(arrays, names)
        return arrays

    def pack(self, arrays: list[np.ndarray]) -> Any:
        """Arrays in the order of the outputs, in the nest of the model's outputs."""
        return pack_like(self.output_structure, arrays)

    def reset_state(self) -> None:
        """Set the states that stateful recurrent layers keep from batch to batch to zeros."""
        for layer in walk(self):
            if layer is not self and hasattr(layer, "reset_state"):
                layer.reset_state()

    reset_states = reset_state

    # --- files ------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The architecture in the form of Keras 3."""
        from ..converters.keras import architecture

        return architecture.model_config(self)

    @classmethod
    def from_config(cls, config: Any, custom_objects: Any = None) -> Any:
        """A model from the architecture that `get_config` gives."""
        from .io import model_from_config

        return model_from_config({"class_name": cls.__name__, "config": config}, custom_objects)

    def to_json(self, **json_arguments: Any) -> str:
        """The architecture as Keras 3 JSON, without weights."""
        from .io import to_json

        return to_json(self, **json_arguments)

    def save(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Write architecture, weights and training settings; see `save_model`."""
        from .io import save_model

        save_model(self, filepath, overwrite, **options)

    def export(
        self,
        filepath: Any,
        format: str = "onnx",
        *,
        opset: int | None = None,
        inputs_as_nchw: Any = False,
        fold_batch_norm: bool = False,
    ) -> None:
        """Write what the model computes as ONNX, for runtimes of that format.

        opset: 17 by default, to the newest that the installed onnx knows. inputs_as_nchw: images enter and leave
        with their channels first, all (True) or those of the inputs and outputs named; else they keep their shape.
        fold_batch_norm: make batch normalisation part of the layer before it.
        Raises ArgumentError, or SaveError naming the layer that ONNX cannot express.
        """
        from .io import export

        if format != "onnx":
            raise ArgumentError(f"export: the format is 'onnx', received {format!r}")
        export(self, filepath, opset=opset, inputs_as_nchw=inputs_as_nchw, fold_batch_norm=fold_batch_norm)

    def save_weights(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Write the weights alone; see `save_weights` in kcompat.models.io."""
        from .io import save_weights

        save_weights(self, filepath, overwrite, **options)

    def load_weights(self, filepath: Any, **options: Any) -> None:
        """Fill the weights from a file; see `load_weights` in kcompat.models.io."""
        from .io import load_weights

        load_weights(self, filepath, **options)

    def summary(self, **options: Any) -> None:
        """Print the model's layers as Keras does; see `kcompat.models.summary`."""
        from .summary import print_summary

        print_summary(self, **options)


class NoHooks:
    """In place of callbacks where there are none."""

    def __getattr__(self, hook: str) -> Callable[..., None]:
        return lambda *_: None


def _indexed(x: Any) -> Iterator[Any]:
    """The batches of a PyDataset, which hears of their beginning and end."""
    from ..training.batches import notify

    notify(x, "on_epoch_begin")
    for index in range(len(x)):
        yield x[index]
    notify(x, "on_epoch_end")


def enter(b: Emitter, x: Any, declared: KerasTensor, mask: Any = None) -> Any:
    """What a model is called on, in the dtype and rank of its input, with a mask if the call gives one.

    As in Keras, a last axis of size one is added or dropped where that alone is missing.
    """
    if not isinstance(x, Value):
        return x
    if mask is not None:
        b.masks[x] = as_mask(b, mask)
    y = x if x.dtype == declared.dtype else b.cast(x, dtype=declared.dtype)
    if y.rank == declared.ndim + 1 and y.shape[-1] == 1:
        y = b.squeeze(y, axes=(-1,))
    elif y.rank == declared.ndim - 1 and declared.shape[-1] == 1:
        y = b.expand_dims(y, axes=(-1,))
    if x in b.masks:
        b.masks[y] = b.masks[x]
    return y
