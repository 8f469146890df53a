"""The part of a model that training leaves as it is, so that what it makes of the data can be kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import KcompatError
from ..executor import Executor
from ..ir import TensorType, Value
from ..layers.base import Layer, walk
from ..layers.emitter import Emitter
from ..layers.symbolic import Call, KerasTensor
from .functional import Functional, emit_calls
from .sequential import Sequential
from .training import TrainableModel

_BATCH = 128


@dataclass(eq=False)
class FrozenPrefix:
    """Calls at the beginning of a model that give the same for a sample in every epoch.

    inside, after: the model's calls, in order. features: the tensors that `after` takes.
    """

    model: TrainableModel
    inside: list[Call]
    after: list[Call]
    features: list[KerasTensor]

    def training_inputs(self) -> list[Value]:
        """The features by type and name, as inputs of what follows."""
        return [Value(TensorType(t.dtype, t.type.shape), f"feature_{index}") for index, t in enumerate(self.features)]

    def inputs_like(self, arrays: Sequence[np.ndarray]) -> list[Value]:
        """The features for arrays that `compute` gave."""
        return self.training_inputs()

    def emit_outputs(self, b: Emitter, features: list[Value]) -> list[Value]:
        """The model's outputs for features."""
        values = dict(zip(self.features, features, strict=True))
        emit_calls(b, self.after, values)
        return [values[tensor] for tensor in self.model.outputs]

    def compute(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The features of all samples."""
        emitter = Emitter()
        given = [emitter.input(value.type, value.name) for value in self.model.training_inputs()]
        values = dict(zip(_inputs(self.model), given, strict=True))
        emit_calls(emitter, self.inside, values)
        executor = Executor(emitter.build([values[tensor] for tensor in self.features]))
        count = len(inputs[0])
        parts = [executor([array[at : at + _BATCH] for array in inputs]) for at in range(0, count, _BATCH)]
        return [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]


def find(model: TrainableModel) -> FrozenPrefix | None:
    """The frozen beginning of a model; None if there is none with weights, or if masks leave it.

    A layer belongs to it if it has no weights that are trained, all it takes belongs to it too, and training
    does not let it draw random numbers, change states or add to the loss.
    """
    if not isinstance(model, (Functional, Sequential)):
        return None
    calls = [call for call in model.calls_inside if not call.is_input]
    emitter = Emitter(training=True, collects_losses=True)
    values = {tensor: emitter.input(tensor.type) for tensor in _inputs(model)}
    inside = [call for call in calls if _stays(emitter, call, values)]
    if not any(layer.weights for call in inside for layer in walk(call.layer)):
        return None
    after = [call for call in calls if call not in inside]
    used = [tensor for call in after for tensor in call.input_tensors if tensor in values]
    features = list(dict.fromkeys([*used, *(tensor for tensor in model.outputs if tensor in values)]))
    if any(values[tensor] in emitter.masks for tensor in features):
        return None
    return FrozenPrefix(model, inside, after, features)


def _inputs(model: TrainableModel) -> list[KerasTensor]:
    return model.inputs  # type: ignore[attr-defined]  # both kinds of models with layers have them


def _stays(b: Emitter, call: Call, values: dict[KerasTensor, Value]) -> bool:
    """Whether a call gives the same in every epoch; its values are entered then."""
    if not all(tensor in values for tensor in call.input_tensors) or call.layer.trainable_weights:
        return False
    if any(_is_foreign(layer) for layer in walk(call.layer)):
        return False
    nodes, updates, losses = len(b.nodes), dict(b.updates), len(b.losses)
    made = dict(values)
    try:
        emit_calls(b, [call], made)
        stays = b.updates == updates and len(b.losses) == losses
    except KcompatError:
        stays = False
    if stays:
        values.update(made)
    else:
        b.updates.clear()
        b.updates.update(updates)
        del b.nodes[nodes:], b.losses[losses:]
    return stays


def _is_foreign(layer: Layer) -> bool:
    """Whether a layer is of a class of the caller's, which may join the samples of a batch."""
    return not type(layer).__module__.startswith(__name__.partition(".")[0] + ".")
