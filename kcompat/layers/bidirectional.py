"""Bidirectional."""

from __future__ import annotations

from typing import Any

from ..config import Bool, Field, one_of, optional, registered
from ..errors import ArgumentError
from ..ir import Value
from ..tree import flatten
from .base import Layer
from .emitter import Emitter
from .nested import LayerKind
from .rnn import Recurrent, reverse

_SHARED = ("stateful", "return_sequences", "return_state", "time_major")


@registered("keras.layers")
class Bidirectional(Layer):
    """A recurrent layer over sequences, and one like it from their end to their start.

    merge_mode: "concat", "sum", "mul" or "ave" of the two outputs, or None for both. The output of the
    second is turned to the order of the first. Returns the output, or a list of the output or outputs
    and, with return_state, the states of the first and of the second; `initial_state` is a list of
    those. layer: copied, with a name that begins with "forward_". backward_layer: by default another
    copy that goes the other way. With return_sequences the outputs of masked steps are zeros; with
    repeats_masked (Keras 2 until TensorFlow 1.12), those of the step before.
    Source: keras.layers.Bidirectional.
    """

    supports_masking = True
    positional = ("layer",)

    merge_mode = Field(optional(one_of("concat", "sum", "mul", "ave")), "concat")
    layer = Field(LayerKind)
    backward_layer = Field(optional(LayerKind), None)
    repeats_masked = Field(Bool, False, keyword=True, extension=True)

    neutral = {"num_constants": 0}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for given in filter(None, (self.layer, self.backward_layer)):
            if not isinstance(given, Recurrent):
                raise ArgumentError(f"{self}: needs a recurrent layer, received {given}")
        if self.backward_layer is None:
            self.backward_layer = _copy(self.layer, "backward_", go_backwards=not self.layer.go_backwards)
        self.layer = self.forward_layer = _copy(self.layer, "forward_")
        self._sublayers[:] = [self.forward_layer, self.backward_layer]
        self._check_alike()
        self.repeats_masked = self.repeats_masked

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "repeats_masked" and "forward_layer" in vars(self):
            for inner in (self.forward_layer, self.backward_layer):
                inner.zero_output_for_mask = self.return_sequences and not self.repeats_masked

    def _check_alike(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ArgumentError(f"{self}: layer and backward_layer both have go_backwards={forward.go_backwards}")
        for name in _SHARED:
            if getattr(forward, name) != getattr(backward, name):
                raise ArgumentError(
                    f"{self}: '{name}' must be the same in layer and backward_layer, received "
                    f"{getattr(forward, name)} and {getattr(backward, name)}"
                )

    @property
    def return_sequences(self) -> bool:
        return bool(self.forward_layer.return_sequences)

    @property
    def return_state(self) -> bool:
        return bool(self.forward_layer.return_state)

    @property
    def stateful(self) -> bool:
        return bool(self.forward_layer.stateful)

    def reset_state(self) -> None:
        """Set the states of stateful layers to zeros."""
        self.reset_states()

    def reset_states(self, states: Any = None) -> None:
        """Set the states of stateful layers to zeros, or to arrays, those of the forward layer first."""
        first, second = _halves(states)
        self.forward_layer.reset_states(first)
        self.backward_layer.reset_states(second)

    def sequence_axis(self) -> Any:
        """The time axis of an input that is declared by `input_dim` and `input_length`."""
        return self.forward_layer.sequence_axis()

    def build(self, input_shape: Any) -> None:
        self.build_inner(self.forward_layer, input_shape)
        self.build_inner(self.backward_layer, input_shape)

    def __call__(self, sequences: Any, *args: Any, constants: Any = None, **kwargs: Any) -> Any:
        if constants is not None:
            raise ArgumentError(f"{self}: constants are not supported")
        if isinstance(sequences, (list, tuple)):
            sequences, *states = sequences
            if states:
                kwargs["initial_state"] = states
        return super().__call__(sequences, *args, **kwargs)

    def emit(self, b: Emitter, sequences: Value, initial_state: Any = None, mask: Any = None) -> Any:
        first, second = _halves(initial_state)
        x, *states = _listed(b.call(self.forward_layer, sequences, initial_state=first, mask=mask))
        y, *other_states = _listed(b.call(self.backward_layer, sequences, initial_state=second, mask=mask))
        if self.return_sequences:
            y = reverse(b, y, axis=0 if self.forward_layer.time_major else 1)
        merged = self._merged(b, x, y)
        outputs = [*merged, *states, *other_states]
        return outputs if len(outputs) > 1 else outputs[0]

    def _merged(self, b: Emitter, x: Value, y: Value) -> list[Value]:
        match self.merge_mode:
            case "concat":
                return [b.concat(x, y, axis=-1)]
            case "sum":
                return [b.add(x, y)]
            case "mul":
                return [b.mul(x, y)]
            case "ave":
                return [b.div(b.add(x, y), 2.0)]
        return [x, y]

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        count = 2 if self.merge_mode is None else 1
        return flatten(mask)[:1] * count if self.return_sequences else [None] * count


def _copy(layer: Any, prefix: str, **changes: Any) -> Any:
    name = prefix + layer.name.removeprefix(prefix)
    return type(layer).from_config({**layer.get_config(), **changes, "name": name})


def _halves(states: Any) -> tuple[Any, Any]:
    if states is None:
        return None, None
    half = len(states) // 2
    return states[:half], states[half:]


def _listed(outputs: Any) -> list[Value]:
    return outputs if isinstance(outputs, list) else [outputs]
