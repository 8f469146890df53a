"""LSTM, GRU and simple RNN over whole sequences, without control flow.

A mask may skip any steps. ONNX knows only how many steps a sequence has: the steps that count are put first, run as
a sequence of their number, and each place then takes the output of the last step that counted. That is exact for
every mask and every length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...versions import CARD_GATES, GATES, RECURRENT_ACTIVATIONS, RECURRENT_DEFAULTS
from ..call import Call, writes

_KINDS = {"simple_rnn": "RNN", "gru": "GRU", "lstm": "LSTM"}
_STATES = {"RNN": (4,), "GRU": (4,), "LSTM": (4, 5)}
"""Where the cards have the states that a sequence begins with."""


@writes("simple_rnn", "gru", "lstm")
def _recurrent(w: Call) -> tuple[str, ...]:
    kind = _KINDS[w.node.op.name]
    mask = len(w.node.inputs) - 1
    if w.given(mask):
        return _masked(w, kind, mask)
    backwards = w.attr("go_backwards")
    x = w.add("Transpose", w.x(), perm=[1, 0, 2])
    outputs, *states = _cell(w, kind, x, "", "reverse" if backwards else "forward")
    return (w.reversed(outputs, 1) if backwards else outputs, *states)


def _cell(w: Call, kind: str, x: str, lengths: str, direction: str) -> tuple[str, ...]:
    """The node: from x (time, batch, features) the outputs (batch, time, units) and the last states."""
    units = w.type(2).shape[0]
    states = [w.add("Unsqueeze", w.x(place), axes=[0]) if w.given(place) else "" for place in _STATES[kind]]
    attributes: dict[str, Any] = {"linear_before_reset": int(w.attr("reset_after"))} if kind == "GRU" else {}
    y, *last = w.add(
        kind,
        x,
        _kernel(w, kind, 1),
        _kernel(w, kind, 2),
        _biases(w, kind) if w.given(3) else "",
        lengths,
        *states,
        outputs=1 + len(states),
        hidden_size=units,
        direction=direction,
        **attributes,
        **_activations(w, kind),
    )
    outputs = w.add("Transpose", w.add("Squeeze", y, axes=[1]), perm=[1, 0, 2])
    return (outputs, *(w.add("Squeeze", state, axes=[0]) for state in last))


def _in_order(kind: str, array: np.ndarray) -> np.ndarray:
    """Gates along the last axis in ONNX's order."""
    parts = dict(zip(CARD_GATES[kind], np.split(array, len(GATES[kind]), axis=-1), strict=True))
    return np.concatenate([parts[gate] for gate in GATES[kind]], axis=-1)


def _kernel(w: Call, kind: str, index: int) -> str:
    """A kernel (inputs, gates * units) as (1, gates * units, inputs)."""
    if w.data(index) is not None:
        return w.weight(index, lambda kernel: _in_order(kind, kernel).T[None])
    turned = w.add("Transpose", _reordered(w, kind, w.x(index), 1), perm=[1, 0])
    return w.add("Unsqueeze", turned, axes=[0])


def _biases(w: Call, kind: str) -> str:
    """That of the input, then that of the state: (1, 2 * gates * units)."""
    if w.data(3) is None:
        bias = _reordered(w, kind, w.x(3), w.type(3).rank - 1)
        rows = bias if w.type(3).rank == 2 else w.add("Concat", bias, w.like(np.zeros(w.type(3).shape)), axis=0)
        return w.add("Reshape", rows, shape=[1, -1])

    def stacked(bias: np.ndarray) -> np.ndarray:
        rows = bias if bias.ndim == 2 else np.stack([bias, np.zeros_like(bias)])
        return _in_order(kind, rows).reshape(1, -1)

    return w.weight(3, stacked)


def _reordered(w: Call, kind: str, x: str, axis: int) -> str:
    """Gates along an axis in ONNX's order, when the model runs."""
    if GATES[kind] == CARD_GATES[kind]:
        return x
    parts = w.add("Split", x, split=[w.type(2).shape[0]] * len(GATES[kind]), axis=axis, outputs=len(GATES[kind]))
    by_gate = dict(zip(CARD_GATES[kind], parts, strict=True))
    return w.add("Concat", *(by_gate[gate] for gate in GATES[kind]), axis=axis)


def _activations(w: Call, kind: str) -> dict[str, Any]:
    """The attributes for activations that are not the default ones; alpha and beta only if those are not."""
    own = w.attr("activation")
    cards = [own] if kind == "RNN" else [w.attr("recurrent_activation"), own] + [own] * (kind == "LSTM")
    default = ["tanh"] if kind == "RNN" else ["sigmoid", "tanh"] + ["tanh"] * (kind == "LSTM")
    if cards == default:
        return {}
    entries = [RECURRENT_ACTIVATIONS[card] for card in cards]
    attributes: dict[str, Any] = {"activations": [name for name, _, _ in entries]}
    if any(name in RECURRENT_DEFAULTS and RECURRENT_DEFAULTS[name] != (a, b) for name, a, b in entries):
        attributes["activation_alpha"] = [alpha for _, alpha, _ in entries if alpha is not None]
        attributes["activation_beta"] = [beta for _, _, beta in entries if beta is not None]
    return attributes


# --- masks -------------------------------------------------------------------------


@dataclass
class _Steps:
    """What a mask says, each (batch, time) but for `number` (batch, 1).

    order: the steps that count, then the others. counted: how many have counted at each place.
    """

    order: str
    counted: str
    number: str


def _masked(w: Call, kind: str, index: int) -> tuple[str, ...]:
    x, mask = w.x(), w.x(index)
    if w.attr("go_backwards"):
        x, mask = w.reversed(x, 1), w.reversed(mask, 1)
    steps = _steps(w, mask, index)
    first = w.add("GatherND", x, w.add("Unsqueeze", steps.order, axes=[-1]), batch_dims=1)
    number = w.add("Squeeze", w.add("Max", steps.number, w.ints(1)), axes=[1])
    lengths = w.cast(number, "int32")
    outputs, *states = _cell(w, kind, w.add("Transpose", first, perm=[1, 0, 2]), lengths, "forward")
    outputs = _at_their_places(w, outputs, steps, mask)
    return (outputs, *(_unless_empty(w, s, p, steps) for s, p in zip(states, _STATES[kind], strict=True)))


def _steps(w: Call, mask: str, index: int) -> _Steps:
    """Steps that count go where so many have counted before, the others behind all of those."""
    flags = w.cast(mask, "int64")
    zeros = w.add("Mul", flags, w.ints(0))
    time = w.add("Squeeze", w.sizes(index, 1, 2), axes=[0])
    places = w.add("Add", zeros, w.add("Range", w.ints(0), time, w.ints(1)))
    counted = w.add("CumSum", flags, w.output.constant(1, "int64"))
    number = w.reduce("Sum", flags, [1])
    behind = w.add("Add", number, w.add("Sub", places, counted))
    target = w.add("Where", mask, w.add("Sub", counted, w.ints(1)), behind)
    return _Steps(w.add("ScatterElements", zeros, target, places, axis=1), counted, number)


def _at_their_places(w: Call, outputs: str, steps: _Steps, mask: str) -> str:
    """At each place the output of the last step that counted; zeros before the first (or wherever none counts)."""
    last = w.add("Max", w.add("Sub", steps.counted, w.ints(1)), w.ints(0))
    spread = w.add("GatherND", outputs, w.add("Unsqueeze", last, axes=[-1]), batch_dims=1)
    real = mask if w.attr("zero_masked") else w.add("Greater", steps.counted, w.ints(0))
    return w.add("Where", w.add("Unsqueeze", real, axes=[-1]), spread, w.like(0))


def _unless_empty(w: Call, state: str, place: int, steps: _Steps) -> str:
    """A sequence in which no step counts keeps the state it began with."""
    some = w.add("Greater", steps.number, w.ints(0))
    return w.add("Where", some, state, w.x(place) if w.given(place) else w.like(0))
