"""RNN, GRU and LSTM: the cards of Keras's cells, or the steps one by one for what those do not have.

ONNX has weights (directions, gates * units, inputs), LSTM's gates in the order i, o, f, c, time first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError
from kcompat.ir import Value

from ..call import Call, handles
from ..versions import CARD_GATES, GATES, RECURRENT_ACTIVATIONS, RECURRENT_DEFAULTS

_DEFAULTS = {"RNN": ["Tanh"], "GRU": ["Sigmoid", "Tanh"], "LSTM": ["Sigmoid", "Tanh", "Tanh"]}

Function = tuple[str, float | None, float | None]
"""An activation: its name, alpha and beta, None where it has none."""


def _card_name(function: Function) -> str | None:
    """What a card calls an activation, None if none has it."""
    name, *given = function
    for card, (other, *wanted) in RECURRENT_ACTIVATIONS.items():
        same = all(
            g == w or (g is not None and w is not None and np.isclose(g, w)) for g, w in zip(given, wanted, strict=True)
        )
        if name == other and same:
            return card
    return None


class Recurrent:
    """One node's operands and settings, with time and batch brought to (batch, time, features)."""

    def __init__(self, c: Call) -> None:
        self.c, self.kind = c, c.node.op
        self.batch_first = bool(c.get("layout", 0))
        x = c.x(0)
        self.x = x if self.batch_first else c.b.transpose(x, perm=(1, 0, 2))
        self.directions = 2 if c.get("direction", "forward") == "bidirectional" else 1
        self.units = int(c.get("hidden_size") or c.shape(c.x(2))[2])
        names = list(c.get("activations") or _DEFAULTS[self.kind] * self.directions)
        self.each = len(_DEFAULTS[self.kind])
        if len(names) != self.each * self.directions:
            raise ArgumentError(f"{self.kind}: {len(names)} activations for {self.directions} directions")
        self.activations = self._functions([name.capitalize() if name.islower() else name for name in names])
        self.clip = c.get("clip")
        self.mask = self._mask()

    def _functions(self, names: Sequence[str]) -> list[Function]:
        """Alphas and betas are for those that have such, in order."""
        alphas, betas = (iter(self.c.get(f"activation_{kind}") or ()) for kind in ("alpha", "beta"))
        functions: list[Function] = []
        for name in names:
            alpha, beta = RECURRENT_DEFAULTS.get(name, (None, None))
            alpha = alpha if alpha is None else float(next(alphas, alpha))
            functions.append((name, alpha, beta if beta is None else float(next(betas, beta))))
        return functions

    def _mask(self) -> Value | None:
        lengths = self.c.opt(4)
        if lengths is None:
            return None
        steps = np.arange(self.c.size(self.x, 1), dtype=np.int32)[None]
        return self.c.b.less(self.c.b.constant(steps), self.c.b.expand_dims(self.c.cast(lengths, "int32"), axes=(1,)))

    def part(self, index: int, direction: int) -> Value | None:
        """One direction's share of a weight."""
        value = self.c.opt(index)
        if value is None:
            return None
        return self.c.b.squeeze(self.c.sliced(value, 0, direction, direction + 1), axes=(0,))

    def state(self, index: int, direction: int) -> Value | None:
        value = self.c.opt(index)
        if value is None:
            return None
        axis = 1 if self.batch_first else 0
        return self.c.b.squeeze(self.c.sliced(value, axis, direction, direction + 1), axes=(axis,))

    def functions(self, direction: int) -> list[Function]:
        return self.activations[direction * self.each : (direction + 1) * self.each]

    def card_names(self, direction: int) -> list[str] | None:
        """What a card calls the activations, None if none has everything that this direction asks for."""
        functions = self.functions(direction)
        names = [name for name in map(_card_name, functions) if name is not None]
        plain = self.clip is None and not self.c.get("input_forget", 0) and self.c.opt(7) is None
        same = self.kind != "LSTM" or functions[1] == functions[2]
        return names if plain and same and len(names) == len(functions) else None

    def is_backwards(self, direction: int) -> bool:
        return direction == 1 or self.c.get("direction", "forward") == "reverse"

    def gates(self, value: Value, axis: int) -> list[Value]:
        return [self.c.sliced(value, axis, i * self.units, (i + 1) * self.units) for i in range(len(GATES[self.kind]))]

    def reordered(self, value: Value, axis: int) -> Value:
        """Gates in the order of the cards: LSTM's i, f, c, o."""
        if GATES[self.kind] == CARD_GATES[self.kind]:
            return value
        parts = dict(zip(GATES[self.kind], self.gates(value, axis), strict=True))
        return self.c.b.concat(*(parts[gate] for gate in CARD_GATES[self.kind]), axis=axis)


@handles("RNN", "GRU", "LSTM")
def _recurrent(c: Call) -> Any:
    r = Recurrent(c)
    results = [_card(r, d, names) if (names := r.card_names(d)) else _unrolled(r, d) for d in range(r.directions)]
    outputs = c.b.concat(*(c.b.expand_dims(y, axes=(2,)) for y, *_ in results), axis=2)  # (N, T, D, H)
    outputs = outputs if r.batch_first else c.b.transpose(outputs, perm=(1, 2, 0, 3))
    states = []
    for place in range(len(results[0]) - 1):
        axis = 1 if r.batch_first else 0
        parts = [c.b.expand_dims(result[place + 1], axes=(axis,)) for result in results]
        states.append(c.b.concat(*parts, axis=axis))
    return (outputs, *states)


def _card(r: Recurrent, direction: int, names: Sequence[str]) -> tuple[Value, ...]:
    b = r.c.b
    w, u = (b.transpose(r.reordered(r.part(i, direction), 0), perm=(1, 0)) for i in (1, 2))  # type: ignore[arg-type]
    bias, h = r.part(3, direction), r.state(5, direction)
    halves = None if bias is None else [r.reordered(half, 0) for half in _halves(r, bias)]
    options: dict[str, Any] = {"go_backwards": r.is_backwards(direction), "zero_masked": True}
    if r.kind == "GRU":
        options |= {"reset_after": bool(r.c.get("linear_before_reset", 0)), "recurrent_activation": names[0]}
        result = b.gru(r.x, w, u, _gru_bias(r, halves), h, r.mask, activation=names[1], **options)
    elif r.kind == "LSTM":
        total = None if halves is None else b.add(*halves)
        options |= {"recurrent_activation": names[0]}
        result = b.lstm(r.x, w, u, total, h, r.state(6, direction), r.mask, activation=names[1], **options)
    else:
        total = None if halves is None else b.add(*halves)
        result = b.simple_rnn(r.x, w, u, total, h, r.mask, activation=names[0], **options)
    return (_forwards(r, result[0]) if options["go_backwards"] else result[0], *result[1:])


def _halves(r: Recurrent, bias: Value) -> list[Value]:
    """The bias of the input and that of the state."""
    middle = len(GATES[r.kind]) * r.units
    return [r.c.sliced(bias, 0, 0, middle), r.c.sliced(bias, 0, middle, None)]


def _gru_bias(r: Recurrent, halves: list[Value] | None) -> Value | None:
    if halves is None:
        return None
    if r.c.get("linear_before_reset", 0):
        return r.c.b.concat(*(r.c.b.expand_dims(half, axes=(0,)) for half in halves), axis=0)
    return r.c.b.add(*halves)


def _forwards(r: Recurrent, outputs: Value) -> Value:
    return r.c.b.slice(outputs, starts=(None,), stops=(None,), steps=(-1,), axes=(1,))


# --- step by step ------------------------------------------------------------------


def _unrolled(r: Recurrent, direction: int) -> tuple[Value, ...]:
    """The same from single operators, with peepholes, clipping, and any activation."""
    b, c = r.c.b, r.c
    batch, steps, _ = c.shape(r.x)
    w, u = (b.transpose(r.part(i, direction), perm=(1, 0)) for i in (1, 2))
    bias = r.part(3, direction)
    of_input, of_state = (None, None) if bias is None else _halves(r, bias)
    zeros = b.broadcast_to(c.constant(0, r.x), shape=(batch, r.units))
    count = 2 if r.kind == "LSTM" else 1
    states: list[Value] = [r.state(5 + i, direction) or zeros for i in range(count)]
    step = {"RNN": _rnn_step, "GRU": _gru_step, "LSTM": _lstm_step}[r.kind]
    act = [_activation(r, direction, i) for i in range(r.each)]
    outputs: list[Value] = [zeros] * steps
    for t in range(steps)[::-1] if r.is_backwards(direction) else range(steps):
        x = b.squeeze(c.sliced(r.x, 1, t, t + 1), axes=(1,))
        z = b.dense(x, w, of_input)
        made = step(r, z, states, u, of_state, act, r.part(7, direction))
        real = None if r.mask is None else c.sliced(r.mask, 1, t, t + 1)
        outputs[t] = made[0] if real is None else b.where(real, made[0], zeros)
        states = [n if real is None else b.where(real, n, o) for n, o in zip(made, states, strict=True)]
    return (b.concat(*(b.expand_dims(y, axes=(1,)) for y in outputs), axis=1), *states)


Activation = Callable[[Value], Value]


def _activation(r: Recurrent, direction: int, place: int) -> Activation:
    """A gate's activation, behind the clipping of its input."""
    name, alpha, beta = r.functions(direction)[place]
    b = r.c.b

    def apply(x: Value) -> Value:
        x = x if r.clip is None else b.clip(x, low=-r.clip, high=r.clip)
        match name:
            case "Sigmoid" | "Tanh" | "Softsign" | "Softplus" | "Relu":
                return getattr(b, name.lower())(x)
            case "Affine":
                return b.add(b.mul(x, alpha), beta)
            case "LeakyRelu":
                return b.relu(x, negative_slope=alpha)
            case "ThresholdedRelu":
                return b.threshold(x, threshold=alpha, value=0.0)
            case "ScaledTanh":
                return b.mul(b.tanh(b.mul(x, beta)), alpha)
            case "HardSigmoid":
                return b.hard_sigmoid(x, alpha=alpha, beta=beta)
            case "Elu":
                return b.elu(x, alpha=alpha)
            case _:
                raise ArgumentError(f"{r.kind}: activation {name!r} is not known")

    return apply


def _recurred(r: Recurrent, h: Value, u: Value, bias: Value | None) -> Value:
    return r.c.b.dense(h, u, bias)


def _rnn_step(
    r: Recurrent, z: Value, states: Sequence[Value], u: Value, bias: Value | None, act: list[Activation], p: Any
) -> list[Value]:
    return [act[0](r.c.b.add(z, _recurred(r, states[0], u, bias)))]


def _gru_step(
    r: Recurrent, z: Value, states: Sequence[Value], u: Value, bias: Value | None, act: list[Activation], p: Any
) -> list[Value]:
    b, h = r.c.b, states[0]
    inner = r.gates(_recurred(r, h, u, bias), 1)
    given = r.gates(z, 1)
    update, reset = (act[0](b.add(given[i], inner[i])) for i in (0, 1))
    if r.c.get("linear_before_reset", 0):
        recurrent = b.mul(reset, inner[2])
    else:
        own = r.c.sliced(u, 1, 2 * r.units, None)
        recurrent = b.dense(b.mul(reset, h), own, None if bias is None else r.c.sliced(bias, 0, 2 * r.units, None))
    candidate = act[1](b.add(given[2], recurrent))
    return [b.add(b.mul(b.sub(r.c.constant(1, update), update), candidate), b.mul(update, h))]


def _lstm_step(
    r: Recurrent,
    z: Value,
    states: Sequence[Value],
    u: Value,
    bias: Value | None,
    act: list[Activation],
    p: Value | None,
) -> list[Value]:
    """Peepholes are i, o, f; the output gate sees the new cell."""
    b, (h, cell) = r.c.b, states
    i, o, f, g = r.gates(b.add(z, _recurred(r, h, u, bias)), 1)
    peeps = [None] * 3 if p is None else [r.c.sliced(p, 0, k * r.units, (k + 1) * r.units) for k in range(3)]

    def seen(gate: Value, peep: Any, state: Value) -> Value:
        return gate if peep is None else b.add(gate, b.mul(peep, state))

    enter = act[0](seen(i, peeps[0], cell))
    keep = act[0](seen(f, peeps[2], cell))
    if r.c.get("input_forget", 0):
        keep = b.sub(r.c.constant(1, enter), enter)
    new = b.add(b.mul(keep, cell), b.mul(enter, act[1](g)))
    return [b.mul(act[0](seen(o, peeps[1], new)), act[2](new)), new]
