"""LSTM, GRU and SimpleRNN, one way or both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result
from kcompat.layers import GRU, LSTM, SimpleRNN
from kcompat.layers.symbolic import KerasTensor

from .canonical import Rewriter, idiom
from .masks import masked_input, rule_of
from .names import sanitised
from .raiser import Raiser, first, raises
from .reshaping import reshaped, tokens
from .views import walk

_LAYERS: dict[str, Any] = {"lstm": LSTM, "gru": GRU, "simple_rnn": SimpleRNN}
_STATES = {"lstm": 2, "gru": 1, "simple_rnn": 1}


@raises("lstm", "gru", "simple_rnn")
def recurrent(r: Raiser, node: Node) -> None:
    pair = _partner(r, node)
    if pair is not None:
        _both_ways(r, pair)
        return
    states = _initial_states(r, node)
    sequences, with_states = r.is_read(node.outputs[0]), _are_states_read(r, node)
    only_last = not sequences and not any(r.is_read(value) for value in node.outputs[2:])
    config = {**_config(node), "return_sequences": sequences, "return_state": with_states and not only_last}
    x, named = masked_input(r, node)
    named |= {} if states is None else {"initial_state": states}
    y = r.layer(_LAYERS[node.op.name].__name__, x, weights=_weights(r, node), call=named, **config)
    outputs = list(y) if isinstance(y, (list, tuple)) else [y]
    if only_last:
        r.bind(node.outputs[1], outputs[0])
        return
    if sequences:
        _bind_sequences(r, node, outputs[0])
    for value, state in zip(node.outputs[1:], outputs[1:], strict=False):
        r.bind(value, state)


def _bind_sequences(r: Raiser, node: Node, y: KerasTensor) -> None:
    """Steps that are left out are zero in ONNX, and as the step before in Keras."""
    mask, result = node.inputs[-1], node.outputs[0]
    if mask is not None and r.known(mask) is None:
        if node.attrs["zero_masked"]:
            column = r.op("expand_dims", r.tensor(mask), suffix="column", axis=-1)
            y = r.op("where", column, y, 0.0, suffix="steps")
        elif (rule := rule_of(mask)) is not None and y.call.input_tensors[1:] == []:
            r.masked[result] = rule
    r.bind(result, y)


def _config(node: Node) -> dict[str, Any]:
    names = ("activation", "recurrent_activation", "reset_after", "go_backwards")
    config = {name: node.attrs[name] for name in names if name in node.attrs}
    return {**config, "units": node.outputs[1].shape[-1], "use_bias": node.inputs[3] is not None}


def _weights(r: Raiser, node: Node) -> list[np.ndarray | None]:
    return [None if value is None else r.needed(value, "a weight") for value in node.inputs[1:4]]


def _initial_states(r: Raiser, node: Node) -> list[KerasTensor] | None:
    """The states to start from; None for zeros."""
    given = node.inputs[4 : 4 + _STATES[node.op.name]]
    arrays = [None if value is None else _repeated(r, value) for value in given]
    if all(value is None or (a is not None and not a.any()) for value, a in zip(given, arrays, strict=True)):
        return None
    if any(value is None or a is not None for value, a in zip(given, arrays, strict=True)):
        raise r.refusal("some of its states start from numbers of the file; a layer starts from zeros or from tensors")
    return [r.tensor(value) for value in given if value is not None]


def _repeated(r: Raiser, value: Value) -> np.ndarray | None:
    """The elements of a known value, or of one that is a known value repeated for each sample."""
    if isinstance(value, Result) and value.producer.op.name == "broadcast_to":
        return r.known(value.producer.inputs[0])
    return r.known(value)


def _are_states_read(r: Raiser, node: Node) -> bool:
    return any(r.is_read(value) for value in node.outputs[1:])


# --- both ways ---------------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    """Two nodes over one sequence, from its start and from its end.

    joined: what is made of both, by which mode; with four axes, the outputs beside each other. between: the nodes from
    the outputs to there.
    """

    forward: Node
    backward: Node
    joined: Value | None
    between: tuple[Node, ...]
    mode: str = "concat"


def _partner(r: Raiser, node: Node) -> _Pair | None:
    for other in r.users[first(node)]:
        if other is node or other.op is not node.op or other.inputs[0] is not node.inputs[0]:
            continue
        backward, forward = sorted((node, other), key=lambda one: not one.attrs["go_backwards"])
        alike = {**forward.attrs, "go_backwards": True} == backward.attrs
        alike = alike and forward.inputs[-1] is backward.inputs[-1] and _shapes(forward) == _shapes(backward)
        if alike and not forward.attrs["go_backwards"] and _are_free(r, forward) and _are_free(r, backward):
            pair = _joined(r, forward, backward)
            if pair is not None:
                return pair
    return None


def _shapes(node: Node) -> list[Any]:
    """Of the weights; None for a bias that is not there."""
    return [None if value is None else value.shape for value in node.inputs[1:4]]


def _are_free(r: Raiser, node: Node) -> bool:
    return _initial_states(r, node) is None


def _joined(r: Raiser, forward: Node, backward: Node) -> _Pair | None:
    """The pair, if what both give is read only where it is merged, or their states alone are read."""
    if not r.is_read(forward.outputs[0]) and not r.is_read(backward.outputs[0]):
        merged = _merged(r, forward.outputs[1], backward.outputs[1])
        if merged is None or any(r.is_read(v) for made in (forward, backward) for v in made.outputs[2:]):
            return _Pair(forward, backward, None, ())
        return _Pair(forward, backward, *_end(r, merged, ()))
    turned = _only_user(r, backward.outputs[0], "slice")
    if turned is None or turned.attrs["steps"] != (-1,):
        return None
    merged = _merged(r, forward.outputs[0], turned.outputs[0])
    if not _are_zeroed(r, forward, merged):
        return None
    if merged is not None:
        return _Pair(forward, backward, *_end(r, merged, (turned,)))
    straight, other = _only_user(r, forward.outputs[0], "expand_dims"), _only_user(r, turned.outputs[0], "expand_dims")
    join = None if straight is None else _only_user(r, straight.outputs[0], "concat")
    if straight is None or other is None or join is None or join.attrs["axis"] != 2:
        return None
    if join.inputs != (straight.outputs[0], other.outputs[0]):
        return None
    return _Pair(forward, backward, join.outputs[0], (straight, turned, other))


def _are_zeroed(r: Raiser, node: Node, merged: Node | None) -> bool:
    """Whether steps that are left out are zero, as Bidirectional has them, or are left out by all that follows too."""
    mask = node.inputs[-1]
    if mask is None or node.attrs["zero_masked"]:
        return True
    if merged is None or merged.outputs[0] in r.graph.outputs:
        return False
    return all(user.op.name in _LAYERS and user.inputs[-1] is mask for user in r.users.get(merged.outputs[0], ()))


def _merged(r: Raiser, one: Value, other: Value) -> Node | None:
    """The node that merges two values as Bidirectional does, if nothing else reads them."""
    for op in ("concat", "add", "mul"):
        node = _only_user(r, one, op)
        if node is not None and node.inputs == (one, other) and _only_user(r, other, op) is node:
            return node if op != "concat" or node.attrs["axis"] % one.rank == one.rank - 1 else None
    return None


def _end(r: Raiser, merged: Node, between: tuple[Node, ...]) -> tuple[Value, tuple[Node, ...], str]:
    """What is made of both, the nodes on the way there, and by which mode: half of a sum is the mean."""
    result = merged.outputs[0]
    half = _only_user(r, result, "div") if merged.op.name == "add" else None
    number = r.known(half.inputs[1]) if half is not None else None
    if half is not None and number is not None and number.size == 1 and float(number.reshape(())) == 2:
        return half.outputs[0], (*between, merged), "ave"
    return result, between, {"add": "sum"}.get(merged.op.name, merged.op.name)


def _only_user(r: Raiser, value: Value, op: str) -> Node | None:
    users = r.users.get(value, [])
    return users[0] if len(users) == 1 and users[0].op.name == op and value not in r.graph.outputs else None


def _both_ways(r: Raiser, pair: _Pair) -> None:
    forward, backward = pair.forward, pair.backward
    sequences = pair.joined is not None and pair.joined.rank > 2
    with_states = not (pair.joined is not None and pair.joined.rank == 2) and (
        _are_states_read(r, forward) or _are_states_read(r, backward)
    )
    config = {**_config(forward), "return_sequences": sequences, "return_state": with_states}
    inner = _LAYERS[forward.op.name](name=sanitised(f"{r.names.base(forward)}_layer"), **config)
    x, named = masked_input(r, forward)
    weights = [*_weights(r, forward), *_weights(r, backward)]
    y = r.layer("Bidirectional", x, weights=weights, call=named, layer=inner, merge_mode=pair.mode)
    outputs = list(y) if isinstance(y, (list, tuple)) else [y]
    if pair.joined is not None and pair.joined.rank < 4:
        r.bind(pair.joined, outputs[0])
        rule = rule_of(forward.inputs[-1])
        if rule is not None and not named:
            r.masked[pair.joined] = rule
    elif pair.joined is not None:
        before, after = tokens(first(forward).shape[:2], pair.joined.shape)
        r.bind(pair.joined, reshaped(r, outputs[0], [*before, *after[2:]], [*before, outputs[0].shape[2]]))
    r.skipped.update(pair.between)
    count = _STATES[forward.op.name]
    for node, states in ((forward, outputs[1 : 1 + count]), (backward, outputs[1 + count :])):
        r.skipped.add(node)
        for value, state in zip(node.outputs[1:], states, strict=False):
            r.bind(value, state)


# --- idioms ------------------------------------------------------------------------


@idiom("gather", "squeeze")
def last_step(b: Rewriter, node: Node) -> Value | None:
    """The last position of what a layer gives, in the order in which it gives it: its state at the end."""
    taken, axis = _taken(b, node, -1)
    found = walk(b, taken, *_LAYERS) if taken is not None and node.outputs[0].rank == 2 else None
    if found is None:
        return None
    made, axes = found
    left = [a for place, a in enumerate(axes) if place != axis and a is not None]
    if not isinstance(taken, Result) or axes[axis] != 1 or left != [0, 2]:
        return None
    return made.outputs[1] if _is_sequence(taken, made) and _ends_with_state(made) else None


@idiom("gather", "squeeze")
def first_step(b: Rewriter, node: Node) -> Value | None:
    """The first position of what a layer gives that has begun at the end: its state there."""
    taken, axis = _taken(b, node, 0)
    found = walk(b, taken, "slice") if taken is not None and node.outputs[0].rank == 2 else None
    made = b.made_by(first(found[0]), *_LAYERS) if found is not None else None
    if found is None or made is None or first(found[0]) is not made.outputs[0]:
        return None
    turned, axes = found
    left = [a for place, a in enumerate(axes) if place != axis and a is not None]
    if turned.attrs["steps"] != (-1,) or turned.attrs["axes"] != (1,) or axes[axis] != 1 or left != [0, 2]:
        return None
    return made.outputs[1] if made.attrs["go_backwards"] and _ends_with_state(made) else None


def _ends_with_state(node: Node) -> bool:
    """Whether the last output is the last state, whatever steps are left out."""
    return node.inputs[-1] is None or not (node.attrs["zero_masked"] or any(node.inputs[4:-1]))


def _taken(b: Rewriter, node: Node, position: int) -> tuple[Value | None, int]:
    """A value of which only one position of an axis is taken, the first (0) or the last (-1), and that axis."""
    if node.op.name == "gather":
        x, axis, index = first(node), node.attrs["axis"] % first(node).rank, b.number(node.inputs[1])
        wanted = index in (position, _from_start(x, axis, position))
        return (x if wanted and node.outputs[0].rank < x.rank else None), axis
    cut = b.made_by(first(node), "slice")
    if cut is None or len(cut.attrs["axes"]) != 1 or len(node.attrs["axes"]) != 1:
        return None, 0
    x, axis = first(cut), cut.attrs["axes"][0] % first(cut).rank
    start = cut.attrs["starts"][0] or 0
    wanted = start in (position, _from_start(x, axis, position)) and cut.attrs["steps"][0] in (None, 1)
    return (x if wanted and node.attrs["axes"][0] % x.rank == axis else None), axis


def _from_start(x: Value, axis: int, position: int) -> int:
    size = x.shape[axis]
    return size + position if isinstance(size, int) and position < 0 else position


def _is_sequence(value: Value, made: Node) -> bool:
    """Whether a chain of views of one of a node's results is one of the first."""
    while isinstance(value, Result) and value.producer is not made:
        value = first(value.producer)
    return value is made.outputs[0]
