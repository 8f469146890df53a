"""Recurrent cells that ONNX does not have, step by step. The number of steps must be known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kcompat.errors import SaveError
from kcompat.ir import Builder, Node, Value
from kcompat.operators.recurrent import ACTIVATIONS
from kcompat.operators.window import channel_axis

from ...versions import RECURRENT_ACTIVATIONS
from ..expansion import Operands, expands

States = list[Value | None]
"""None for a state that is still the zeros with which a sequence begins."""
Step = Callable[[Value, States], list[Value]]


@expands("simple_rnn", "gru", "lstm")
def _cell(b: Builder, node: Node, operands: Operands) -> Any:
    """Only with activations that the operators of ONNX do not have."""
    names = [node.attrs[key] for key in ("activation", "recurrent_activation") if key in node.attrs]
    if all(name in RECURRENT_ACTIVATIONS for name in names):
        return None
    x, w, u, bias, *states, mask = operands
    if node.op.name == "gru":
        first = bias if bias is None or bias.rank == 1 else _row(b, bias, 0)
        step = _gru_step(b, node, u, None if bias is None or bias.rank == 1 else _row(b, bias, 1))
        return _scan(b, node, b.dense(x, w, first), states, mask, step)
    z = b.dense(x, w, bias)
    if node.op.name == "lstm":
        return _scan(b, node, z, states, mask, _lstm_step(b, node, -1, lambda h: b.dense(h, u)))
    act = _activation(b, node, "activation")
    return _scan(b, node, z, states, mask, lambda z, s: [act(_plus(b, z, s[0] and b.dense(s[0], u)))])


@expands("conv_lstm")
def _conv_lstm(b: Builder, node: Node, operands: Operands) -> Any:
    x, w, u, bias, h, c, mask = operands
    assert x is not None
    layout = node.attrs["layout"]
    ones = (1,) * (x.rank - 3)
    options = {key: node.attrs[key] for key in ("strides", "pads", "dilations", "layout")}
    z = b.unfold_time(b.conv(b.fold_time(x), w, bias, **options), x)

    def recur(h: Value) -> Any:
        return b.conv(h, u, strides=ones, pads="same", dilations=ones, layout=layout)

    step = _lstm_step(b, node, channel_axis(x.rank - 1, layout), recur)
    return _scan(b, node, z, [h, c], mask, step)


def _scan(b: Builder, node: Node, z: Value, states: Operands, mask: Value | None, step: Step) -> tuple[Value, ...]:
    """As `kcompat.operators.recurrent` defines it."""
    count = z.shape[1]
    if not isinstance(count, int):
        used = ", ".join(repr(v) for k, v in node.attrs.items() if k.endswith("activation"))
        raise SaveError(
            f"{node.origin}: '{node.op.name}' with {used} is no operator of ONNX, and can be written step by step "
            "only for a known number of steps: build the model with a fixed length of its sequences"
        )
    current: States = list(states)
    output: Value | None = None
    outputs: list[Value] = []
    for time in reversed(range(count)) if node.attrs["go_backwards"] else range(count):
        made = step(_at(b, z, time), current)
        if mask is None:
            output, current = made[0], list(made)
        else:
            real = _like_rank(b, _at(b, mask, time), made[0].rank)
            kept = None if node.attrs["zero_masked"] else output
            output = _where(b, real, made[0], kept)
            current = [_where(b, real, new, old) for new, old in zip(made, current, strict=True)]
        outputs.append(output)
    last = tuple(state for state in current if state is not None)
    return (b.concat(*(b.expand_dims(y, axes=(1,)) for y in outputs), axis=1), *last)


def _at(b: Builder, x: Value, time: int) -> Value:
    return b.squeeze(b.slice(x, starts=(time,), stops=(time + 1,), steps=(1,), axes=(1,)), axes=(1,))


def _like_rank(b: Builder, mask: Value, rank: int) -> Value:
    return b.expand_dims(mask, axes=tuple(range(1, rank)))


def _where(b: Builder, real: Value, new: Value, old: Value | None) -> Value:
    return b.where(real, new, b.constant(0, new.dtype) if old is None else old)


def _plus(b: Builder, x: Value, y: Value | None) -> Value:
    return x if y is None else b.add(x, y)


def _row(b: Builder, x: Value, place: int) -> Value:
    return b.squeeze(b.slice(x, starts=(place,), stops=(place + 1,), steps=(1,), axes=(0,)), axes=(0,))


def _activation(b: Builder, node: Node, key: str) -> Callable[[Value], Value]:
    entry = ACTIVATIONS[node.attrs[key]]
    if entry is None:
        return lambda x: x
    card, attributes = entry
    return lambda x: b.apply(card, x, **attributes)


def _split(b: Builder, x: Value, axis: int, count: int) -> list[Value]:
    size = x.shape[axis]
    assert isinstance(size, int)
    part = size // count
    return [b.slice(x, starts=(i * part,), stops=((i + 1) * part,), steps=(1,), axes=(axis,)) for i in range(count)]


def _lstm_step(b: Builder, node: Node, axis: int, recur: Callable[[Value], Any]) -> Step:
    act, gate = _activation(b, node, "activation"), _activation(b, node, "recurrent_activation")

    def step(z: Value, states: States) -> list[Value]:
        h, c = states
        i, f, g, o = _split(b, _plus(b, z, h and recur(h)), axis, 4)
        entered = b.mul(gate(i), act(g))
        new = entered if c is None else b.add(b.mul(gate(f), c), entered)
        return [b.mul(gate(o), act(new)), new]

    return step


def _gru_step(b: Builder, node: Node, u: Value | None, of_state: Value | None) -> Step:
    act, gate = _activation(b, node, "activation"), _activation(b, node, "recurrent_activation")
    assert u is not None
    wide = u.shape[1]
    assert isinstance(wide, int)
    both = b.slice(u, starts=(0,), stops=(wide // 3 * 2,), steps=(1,), axes=(1,))
    own = b.slice(u, starts=(wide // 3 * 2,), stops=(wide,), steps=(1,), axes=(1,))

    def step(z: Value, states: States) -> list[Value]:
        (h,) = states
        given = _split(b, z, 1, 3)
        after = node.attrs["reset_after"]
        inner: States
        if h is None:
            inner = [None] * 3 if of_state is None else [*_split(b, b.expand_dims(of_state, axes=(0,)), 1, 3)]
        else:
            inner = [*_split(b, b.dense(h, u, of_state), 1, 3)] if after else [*_split(b, b.dense(h, both), 1, 2), None]
        update, reset = (gate(_plus(b, given[k], inner[k])) for k in (0, 1))
        recurrent = inner[2] and b.mul(reset, inner[2])
        if not after and h is not None:
            recurrent = b.dense(b.mul(reset, h), own)
        fresh = b.mul(b.sub(b.constant(1, z.dtype), update), act(_plus(b, given[2], recurrent)))
        return [fresh if h is None else b.add(b.mul(update, h), fresh)]

    return step
