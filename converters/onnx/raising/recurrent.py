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
from .names import sanitised
from .raiser import Raiser, first, raises
from .reshaping import reshaped, tokens

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
    named = {} if states is None else {"initial_state": states}
    y = r.layer(_LAYERS[node.op.name].__name__, r.tensor(first(node)), weights=_weights(r, node), call=named, **config)
    outputs = list(y) if isinstance(y, (list, tuple)) else [y]
    if only_last:
        r.bind(node.outputs[1], outputs[0])
        return
    if sequences:
        r.bind(node.outputs[0], outputs[0])
    for value, state in zip(node.outputs[1:], outputs[1:], strict=False):
        r.bind(value, state)


def _config(node: Node) -> dict[str, Any]:
    names = ("activation", "recurrent_activation", "reset_after", "go_backwards")
    config = {name: node.attrs[name] for name in names if name in node.attrs}
    return {**config, "units": node.outputs[1].shape[-1], "use_bias": node.inputs[3] is not None}


def _weights(r: Raiser, node: Node) -> list[np.ndarray | None]:
    mask = node.inputs[-1]
    if mask is not None and not np.all(r.needed(mask, "the length of its sequences")):
        raise r.refusal("sequences end before the last step; Keras has masks for that, which a graph does not tell")
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
    """Two nodes over one sequence, from its start and from its end; joined: where their outputs lie beside each other.

    between: the nodes from the outputs to there.
    """

    forward: Node
    backward: Node
    joined: Value | None
    between: tuple[Node, ...]


def _partner(r: Raiser, node: Node) -> _Pair | None:
    for other in r.users[first(node)]:
        if other is node or other.op is not node.op or other.inputs[0] is not node.inputs[0]:
            continue
        backward, forward = sorted((node, other), key=lambda one: not one.attrs["go_backwards"])
        alike = {**forward.attrs, "go_backwards": True} == backward.attrs
        if alike and not forward.attrs["go_backwards"] and _are_free(r, forward) and _are_free(r, backward):
            pair = _joined(r, forward, backward)
            if pair is not None:
                return pair
    return None


def _are_free(r: Raiser, node: Node) -> bool:
    return _initial_states(r, node) is None


def _joined(r: Raiser, forward: Node, backward: Node) -> _Pair | None:
    """The pair, if both outputs are read only where they are put beside each other, or not at all."""
    read = [r.is_read(node.outputs[0]) for node in (forward, backward)]
    if not any(read):
        return _Pair(forward, backward, None, ())
    if not all(read):
        return None
    straight = _only_user(r, forward.outputs[0], "expand_dims")
    turned = _only_user(r, backward.outputs[0], "slice")
    other = None if turned is None else _only_user(r, turned.outputs[0], "expand_dims")
    if straight is None or turned is None or other is None or turned.attrs["steps"] != (-1,):
        return None
    join = _only_user(r, straight.outputs[0], "concat")
    if join is None or join.inputs != (straight.outputs[0], other.outputs[0]) or join.attrs["axis"] != 2:
        return None
    return _Pair(forward, backward, join.outputs[0], (straight, turned, other))


def _only_user(r: Raiser, value: Value, op: str) -> Node | None:
    users = r.users.get(value, [])
    return users[0] if len(users) == 1 and users[0].op.name == op and value not in r.graph.outputs else None


def _both_ways(r: Raiser, pair: _Pair) -> None:
    forward, backward = pair.forward, pair.backward
    with_states = _are_states_read(r, forward) or _are_states_read(r, backward)
    config = {**_config(forward), "return_sequences": pair.joined is not None, "return_state": with_states}
    inner = _LAYERS[forward.op.name](name=sanitised(f"{r.names.base(forward)}_layer"), **config)
    x = r.tensor(first(forward))
    y = r.layer("Bidirectional", x, weights=[*_weights(r, forward), *_weights(r, backward)], layer=inner)
    outputs = list(y) if isinstance(y, (list, tuple)) else [y]
    if pair.joined is not None:
        before, after = tokens(first(forward).shape[:2], pair.joined.shape)
        r.bind(pair.joined, reshaped(r, outputs[0], [*before, *after[2:]], [*before, outputs[0].shape[2]]))
    r.skipped.update(pair.between)
    count = _STATES[forward.op.name]
    for node, states in ((forward, outputs[1 : 1 + count]), (backward, outputs[1 + count :])):
        r.skipped.add(node)
        for value, state in zip(node.outputs[1:], states, strict=False):
            r.bind(value, state)


# --- idioms ------------------------------------------------------------------------


@idiom("gather")
def last_step(b: Rewriter, node: Node) -> Value | None:
    """The last position of a sequence that a layer goes through from its start: its state at the end."""
    value, axis, index = node.inputs[0], node.attrs["axis"], b.number(node.inputs[1])
    if node.outputs[0].rank != 2 or index is None:
        return None
    steps = first(node).shape[axis]
    axes: list[Any] = list(range(first(node).rank))
    made = None
    while value is not None:
        made = b.made_by(value, "transpose", "squeeze", "expand_dims", "concat", "lstm", "gru", "simple_rnn")
        if made is None or made.op.name in _LAYERS:
            break
        axes = _axes_before(made, axes)
        value = first(made) if axes else None
    if made is None or not axes or made.attrs["go_backwards"] or made.outputs[0] is not value:
        return None
    left = [a for place, a in enumerate(axes) if place != axis and a is not None]
    if axes[axis] != 1 or left != [0, 2] or index not in (-1, steps - 1 if isinstance(steps, int) else -1):
        return None
    return made.outputs[1]


def _axes_before(node: Node, axes: list[Any]) -> list[Any]:
    """The axes of a node's result as those of its operand: None for a new one, [] if there are no such."""
    x, y = first(node), node.outputs[0]
    if node.op.name == "concat":
        return axes if len(node.inputs) == 1 else []
    if node.op.name == "transpose":
        return [None if a is None else node.attrs["perm"][a] for a in axes]
    if node.op.name == "squeeze":
        gone = {a % x.rank for a in node.attrs["axes"]}
        left = [a for a in range(x.rank) if a not in gone]
        return [None if a is None else left[a] for a in axes]
    added = {a % y.rank for a in node.attrs["axes"]}
    kept = [a for a in range(y.rank) if a not in added]
    return [None if a is None or a in added else kept.index(a) for a in axes]
