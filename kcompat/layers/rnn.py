"""RNN and StackedRNNCells; what all recurrent layers and their cells share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..activations import Activation, ActivationKind
from ..config import Bool, Field, Kind, registered
from ..errors import ArgumentError
from ..initializers import Initializer
from ..ir import TensorType, Value, Variable
from ..naming import to_snake_case
from ..operators.recurrent import ACTIVATIONS
from ..operators.shape import INFER, KEEP
from ..tree import flatten
from .base import Layer
from .emitter import Emitter
from .nested import LayerKind


class Run(NamedTuple):
    """What a cell makes of a sequence: its outputs (batch, time, ...), the last of them, the final states."""

    outputs: Value
    last: Value
    states: list[Value]


# --- cells -------------------------------------------------------------------------


def _parse_gate(value: Any, owner: Any) -> Activation:
    activation = ActivationKind.parse(value, owner)
    if not isinstance(activation, Activation) or activation.name not in ACTIVATIONS:
        raise ValueError
    return activation


GateKind = Kind(f"the name of one of the activations {', '.join(ACTIVATIONS)}", _parse_gate, ActivationKind.serialize)
"""The activations that recurrent operators take."""


class UnitForgetBias(Initializer):
    """Of a bias of four gates: ones for the second one, the forget gate, else what another initializer makes."""

    def __init__(self, others: Initializer) -> None:
        super().__init__()
        self.others = others

    def sample(self, shape: tuple[int, ...]) -> np.ndarray:
        units = shape[0] // 4
        parts = self.others((units,)), np.ones(units), self.others((2 * units,))
        return np.concatenate(parts)


class SequenceCell(Layer):
    """A cell that has an operator for whole sequences.

    `units`: the size of its output and of each of its states.
    """

    units: Any
    dropout: Any
    recurrent_dropout: Any
    state_count: ClassVar[int] = 1
    """How many states it has; its output is the first."""

    def __init__(self, *args: Any, implementation: int = 2, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)

    @property
    def state_size(self) -> Any:
        return self.units if self.state_count == 1 else [self.units] * self.state_count

    @property
    def output_size(self) -> int:
        return self.units

    def operate(self, b: Emitter, x: Value, states: Sequence[Any], mask: Value | None, **options: bool) -> Any:
        """Apply the operator; `options` are go_backwards and zero_masked."""
        raise NotImplementedError

    def emit_sequence(
        self,
        b: Emitter,
        x: Value,
        states: Sequence[Value],
        mask: Value | None,
        go_backwards: bool,
        zero_masked: bool,
    ) -> Run:
        """The cell over a sequence; no states stand for zeros. In training, all steps' inputs are dropped alike."""
        if b.training and 0 < self.recurrent_dropout < 1:
            steps = _Unrolled(self, self.dropped_step())
            return steps.emit_sequence(b, x, states or self.zero_states(b, x), mask, go_backwards, zero_masked)
        if b.training:
            x = self._dropped(b, x)
        given: Sequence[Value | None] = states or [None] * self.state_count
        outputs, *final = self.operate(b, x, given, mask, go_backwards=go_backwards, zero_masked=zero_masked)
        return Run(outputs, final[0] if mask is None else step(b, outputs, -1), final)

    def dropped_step(self) -> Any:
        """What makes the steps, `(b, x, states) -> (output, states)`, where states are dropped in training."""
        raise NotImplementedError

    def zero_states(self, b: Emitter, x: Value) -> Sequence[Value]:
        """The states before the first step of a sequence; none where they are zeros (batch, size)."""
        return ()

    def _dropped(self, b: Emitter, x: Value) -> Value:
        shape = [1 if axis == 1 else -1 for axis in range(x.rank)]
        return self.stream.drop(b, x, self.dropout, shape) if 0 < self.dropout < 1 else x

    def emit(self, b: Emitter, x: Value, states: Any = ()) -> tuple[Value, list[Value]]:
        """One step: the output, and the list of new states."""
        run = self.emit_sequence(b, b.expand_dims(b.floating(x), axes=(1,)), flatten(states), None, False, False)
        return run.last, run.states


def state_sizes(cell: Any) -> list[int]:
    """The sizes of a cell's states, one after another."""
    return [int(size) for size in flatten(cell.state_size)]


def step(b: Emitter, x: Value, time: int) -> Value:
    """One step (batch, ...) of a sequence (batch, time, ...); -1 is the last."""
    stop = time + 1 if time >= 0 else None
    return b.squeeze(b.slice(x, starts=(time,), stops=(stop,), steps=(1,), axes=(1,)), axes=(1,))


def reverse(b: Emitter, x: Value, axis: int = 1) -> Value:
    """A sequence from its last step to its first."""
    return b.slice(x, starts=(None,), stops=(None,), steps=(-1,), axes=(axis,))


def emit_sequence(
    b: Emitter, cell: Any, x: Value, states: Sequence[Value], mask: Value | None, go_backwards: bool, zero_masked: bool
) -> Run:
    """Any cell over a sequence: by its operator if it has one, else step by step."""
    emit = cell.emit_sequence if hasattr(cell, "emit_sequence") else _Unrolled(cell).emit_sequence
    return emit(b, x, states, mask, go_backwards, zero_masked)


class _Unrolled:
    """A cell that knows single steps, over a sequence of known length.

    take: what makes a step of x and states, by default a call of the cell.
    """

    def __init__(self, cell: Layer, take: Any = None) -> None:
        self.cell = cell
        self.take = take or (lambda b, x, states: b.call(cell, x, states))

    def emit_sequence(
        self,
        b: Emitter,
        x: Value,
        states: Sequence[Value],
        mask: Value | None,
        go_backwards: bool,
        zero_masked: bool,
    ) -> Run:
        count = x.shape[1]
        if not isinstance(count, int) or not count:
            raise ArgumentError(
                f"{self.cell}: a cell without an operator for sequences needs a known number of steps, received "
                f"{x.type}; give the input's time axis a size"
            )
        kept = list(states) or self._zeros(b, x)
        outputs: list[Value] = []
        for time in reversed(range(count)) if go_backwards else range(count):
            output, made = self.take(b, step(b, x, time), kept)
            made = flatten(made)
            if mask is not None:
                before = outputs[-1] if outputs and not zero_masked else b.constant(0, output.dtype)
                real = step(b, mask, time)
                output = _where(b, real, output, before)
                made = [_where(b, real, new, old) for new, old in zip(made, kept, strict=True)]
            outputs.append(output)
            kept = made
        return Run(b.concat(*(b.expand_dims(output, axes=(1,)) for output in outputs), axis=1), outputs[-1], kept)

    def _zeros(self, b: Emitter, x: Value) -> list[Value]:
        """Zeros (batch, size) for each state: nothing of x, padded."""
        nothing = b.slice(b.reshape(x, shape=(KEEP, INFER)), starts=(0,), stops=(0,), steps=(1,), axes=(1,))
        return [b.pad(nothing, pads=((0, 0), (0, size))) for size in state_sizes(self.cell)]


def _where(b: Emitter, real: Value, new: Value, old: Value) -> Value:
    return b.where(b.expand_dims(real, axes=range(1, new.rank)), new, old)


# --- layers ------------------------------------------------------------------------


class Recurrent(Layer):
    """A cell over the time axis of sequences (batch, time, ...).

    Called on a sequence, with `initial_state` a list of the cell's states (or on a list of both), and
    `mask` (batch, time): steps marked False are passed over. Returns the last output, or with
    return_sequences those of all steps, in the order in which they are made; with return_state a list
    of that and the final states. zero_output_for_mask: outputs of masked steps are zeros, not those of
    the step before. stateful: sequences begin with the states after the batch before, until
    `reset_state`; the batch size must be known. time_major (Keras 2): (time, batch, ...).
    unroll, implementation, use_cudnn are ways to compute and change nothing, except that with unroll and
    go_backwards the zeros of zero_output_for_mask lie where the mask does, not turned as the outputs are.
    """

    supports_masking = True
    cell: Any

    return_sequences = Field(Bool, False)
    return_state = Field(Bool, False)
    go_backwards = Field(Bool, False)
    stateful = Field(Bool, False)
    unroll = Field(Bool, False)
    zero_output_for_mask = Field(Bool, False)
    time_major = Field(Bool, False, keyword=True, extension=True)

    neutral = {"num_constants": 0}

    def __init__(
        self,
        *args: Any,
        input_length: int | None = None,
        implementation: int = 2,
        use_cudnn: Any = "auto",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.input_length = input_length
        self.states: list[Variable] = []

    def sequence_axis(self) -> tuple[int | None]:
        """The time axis of an input that is declared by `input_dim` and `input_length`."""
        return (self.input_length,)

    def build(self, input_shape: Any) -> None:
        first, second, *features = input_shape
        batch = second if self.time_major else first
        self.build_inner(self.cell, (batch, *features))
        if self.stateful:
            self.states = self._new_states(batch, features)

    def _new_states(self, batch: Any, features: Sequence[Any]) -> list[Variable]:
        if not isinstance(batch, int):
            raise ArgumentError(
                f"{self}: stateful=True needs a known batch size; give the input a batch_size or batch_shape"
            )
        emitter = Emitter()
        emitter.compute_dtype = self.compute_dtype
        x = emitter.input(TensorType(self.compute_dtype, (batch, 1, *features)))
        run = emit_sequence(emitter, self.cell, x, [], None, False, False)
        return [
            Variable("rnn_state", state.shape, state.dtype, trainable=False, path=f"{self.name}/rnn_state")
            for state in run.states
        ]

    def reset_state(self) -> None:
        """Set the states of a stateful layer to zeros."""
        self.reset_states()

    def reset_states(self, states: Any = None) -> None:
        """Set the states of a stateful layer to zeros, or to arrays (batch, size). Raises ArgumentError."""
        arrays = [np.zeros(kept.shape) for kept in self.states] if states is None else flatten(states)
        if len(arrays) != len(self.states):
            raise ArgumentError(f"{self}: has {len(self.states)} states to set, received {len(arrays)}")
        for kept, array in zip(self.states, arrays, strict=True):
            kept.assign(array)

    def __call__(self, sequences: Any, *args: Any, constants: Any = None, **kwargs: Any) -> Any:
        if constants is not None:
            raise ArgumentError(f"{self}: constants are not supported")
        if isinstance(sequences, (list, tuple)):
            sequences, *states = sequences
            if states:
                kwargs["initial_state"] = states
        return super().__call__(sequences, *args, **kwargs)

    def emit(self, b: Emitter, sequences: Value, initial_state: Any = None, mask: Any = None) -> Any:
        x = self._batch_first(b, b.floating(sequences))
        real = None if mask is None else self._batch_first(b, flatten(mask)[0])
        if real is not None and real.dtype != "bool":
            real = b.cast(real, dtype="bool")
        states = self._first_states(b, initial_state)
        unturned = self.return_sequences and self.unroll and self.go_backwards and self.zero_output_for_mask
        zeros = self.zero_output_for_mask and not unturned
        run = emit_sequence(b, self.cell, x, states, real, self.go_backwards, zeros)
        for variable, state in zip(self.states, run.states, strict=bool(self.states)):
            b.update(variable, state)
        outputs = run.outputs
        if unturned and real is not None:
            shown = b.expand_dims(real, axes=range(2, outputs.rank))
            outputs = b.where(shown, outputs, b.constant(0, outputs.dtype))
        output = self._batch_first(b, outputs) if self.return_sequences else run.last
        return [output, *run.states] if self.return_state else output

    def _batch_first(self, b: Emitter, x: Value) -> Value:
        """Batch and time exchanged, if the layer's sequences begin with time."""
        return b.transpose(x, perm=(1, 0, *range(2, x.rank))) if self.time_major else x

    def _first_states(self, b: Emitter, initial_state: Any) -> list[Value]:
        if initial_state is None:
            return [b.state(variable) for variable in self.states]
        states = [b.floating(state) for state in flatten(initial_state)]
        count = len(state_sizes(self.cell))
        if len(states) != count:
            raise ArgumentError(f"{self}: initial_state must have {count} states, received {len(states)}")
        return states

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        return flatten(mask)[:1] if self.return_sequences else [None]


class CellLayer(Recurrent):
    """A recurrent layer that has the fields of its cell."""

    cell_class: ClassVar[type[Layer]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        own = tuple(name for name, value in vars(cls).items() if isinstance(value, Field))
        cls.positional = own or cls.positional
        super().__init_subclass__(**kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.cell = self.make_cell(
            **{name: getattr(self, name) for name in self.cell_class.fields},
            name=to_snake_case(self.cell_class.__name__),
            trainable=self.trainable,
            dtype=self.dtype_policy,
        )

    def make_cell(self, **fields: Any) -> Layer:
        return self.cell_class(**fields)


def _parse_cell(value: Any, owner: Any) -> Layer:
    cell = StackedRNNCells(value) if isinstance(value, (list, tuple)) else LayerKind.parse(value, owner)
    if not hasattr(cell, "state_size"):
        raise ValueError
    return cell


_CellKind = Kind("a cell (a layer with a `state_size`), or a list of cells", _parse_cell, LayerKind.serialize)
_CellsKind = Kind(
    "a list of cells (layers with a `state_size`)",
    lambda value, owner: [_parse_cell(cell, owner) for cell in value],
    lambda cells: [LayerKind.serialize(cell) for cell in cells],
)


@registered("keras.layers")
class StackedRNNCells(Layer):
    """Cells, each of which takes the output of the one before, as one cell.

    Its states are theirs, one after another; with reverse_state_order (Keras until 2.3) those of the
    last cell come first. Source: keras.layers.StackedRNNCells.
    """

    cells = Field(_CellsKind)
    reverse_state_order = Field(Bool, False, keyword=True, extension=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.cells:
            raise ArgumentError(f"{self}: cells are empty")
        self._sublayers.extend(self.cells)

    @property
    def state_size(self) -> list[Any]:
        return [cell.state_size for cell in self._in_state_order()]

    @property
    def output_size(self) -> int:
        return _output_size(self.cells[-1])

    def build(self, input_shape: Any) -> None:
        for cell in self.cells:
            self.build_inner(cell, input_shape)
            input_shape = (input_shape[0], _output_size(cell))

    def emit_sequence(
        self,
        b: Emitter,
        x: Value,
        states: Sequence[Value],
        mask: Value | None,
        go_backwards: bool,
        zero_masked: bool,
    ) -> Run:
        """One cell after another over the whole sequence, which is the same as all of them at each step."""
        if go_backwards:
            x, mask = reverse(b, x), None if mask is None else reverse(b, mask)
        first, final = self._split(states), {}
        for cell in self.cells:
            run = emit_sequence(b, cell, x, first[cell], mask, False, zero_masked)
            x, final[cell] = run.outputs, run.states
        return Run(run.outputs, run.last, self._joined(final))

    def emit(self, b: Emitter, x: Value, states: Any = ()) -> tuple[Value, list[Value]]:
        """One step: the output, and the list of new states."""
        first, final = self._split(flatten(states)), {}
        for cell in self.cells:
            x, made = b.call(cell, x, first[cell])
            final[cell] = flatten(made)
        return x, self._joined(final)

    def _in_state_order(self) -> Iterator[Any]:
        return reversed(self.cells) if self.reverse_state_order else iter(self.cells)

    def _split(self, states: Sequence[Value]) -> dict[Layer, list[Value]]:
        """Each cell's own states, or none."""
        rest = iter(states)
        return {cell: [next(rest) for _ in state_sizes(cell)] if states else [] for cell in self._in_state_order()}

    def _joined(self, states: dict[Layer, list[Value]]) -> list[Value]:
        return [state for cell in self._in_state_order() for state in states[cell]]


def _output_size(cell: Any) -> int:
    return getattr(cell, "output_size", None) or state_sizes(cell)[0]


@registered("keras.layers")
class RNN(Recurrent):
    """Any cell over sequences; a list of cells is stacked.

    A cell is a layer with `state_size`, an integer or a list of them, and `emit(b, x, states)`, which
    for x (batch, features) and a list of states (batch, size), at first zeros, returns the output and
    the list of new states. Keras's own cells take sequences of any length, others those of a known one.
    Source: keras.layers.RNN.
    """

    positional = ("cell",)

    cell = Field(_CellKind)
