"""The gradients of recurrent cells, each over whole sequences.

A cell's gradient takes its outputs of all steps, y, from which the states before each step follow, so
that what the steps compute from inputs and states is one product. It gives the gradient dz by what the
inputs contribute to the gates, `x w + bias` of all steps in their order in time, that by u, and those by
the initial states; products with dz give the rest. Gradients of outputs that nothing depends on are absent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Graph
from ..ir.operator import Bool, Operator, not_differentiable, operator
from ..ir.types import TensorType, ir_dtype
from ..reference import evaluate
from .conv import conv
from .conv_gradients import conv_input_gradient, conv_kernel_gradient
from .recurrent import ACTIVATIONS, CONV, GATED, ONE, States, activation_function, conv_lstm, gru, lstm, simple_rnn
from .window import channel_axis

Back = Callable[[int, States], tuple[np.ndarray, States]]
"""Step and gradients by the states it made -> gradients by its share of z and by the states before it."""

Slope = Callable[[np.ndarray, int], np.ndarray]
"""The gradient by a function's result in a step, and which -> that by its operand."""


def _slope(name: str, z: np.ndarray) -> Slope:
    """Of a function of z (batch, step, ...), by the gradient on the activation's own card."""
    entry = ACTIVATIONS[name]
    if entry is None:
        return lambda dy, place: dy
    card, attributes = entry
    graph = _gradient_graph(card, attributes, TensorType(ir_dtype(z), (None,) * z.ndim))
    if not card.pointwise:
        return lambda dy, place: evaluate(graph, [dy[:, None], z[:, place, None]])[0][:, 0]
    (slopes,) = evaluate(graph, [np.ones_like(z), z])
    return lambda dy, place: dy * slopes[:, place]


def _gradient_graph(card: Operator, attributes: Mapping[str, Any], type: TensorType) -> Graph:
    b = Builder()
    dy, z = b.input(type, "dy"), b.input(type, "z")
    y = b.apply(card, z, **attributes)
    assert card.gradient is not None
    return b.build(card.gradient(b, [dy], [z], [y], **card.check_attributes(attributes)))


class Steps:
    """A sequence in the order in which a cell takes its steps: what the forward run left, and the way back."""

    def __init__(self, y: np.ndarray, mask: np.ndarray | None, go_backwards: bool, zero_masked: bool) -> None:
        self.outputs = y
        self.backwards = go_backwards
        self.zero_masked = zero_masked
        self.count = y.shape[1]
        self.real = None if mask is None else self.ordered(mask).reshape(*mask.shape, *[1] * (y.ndim - 2))

    def ordered(self, x: np.ndarray) -> np.ndarray:
        """From time to order of steps, or back."""
        return x[:, ::-1] if self.backwards else x

    def before(self, first: np.ndarray | None) -> np.ndarray:
        """The first state before each step."""
        state = np.zeros_like(self.outputs[:, 0]) if first is None else first
        states = np.empty_like(self.outputs)
        for place in range(self.count):
            states[:, place] = state
            state = self.after(place, self.outputs[:, place], state)
        return states

    def after(self, place: int, made: np.ndarray, before: np.ndarray) -> np.ndarray:
        """The state after a step, from the one that the step makes."""
        return made if self.real is None else np.where(self.real[:, place], made, before)

    def back(self, step: Back, dz: np.ndarray, given: np.ndarray | None, states: Sequence[np.ndarray | None]) -> States:
        """Fills dz (in order of steps); returns the gradients by the initial states.

        given: the gradients by all outputs; states: those by the last states.
        """
        zeros = np.zeros_like(self.outputs[:, 0])
        carried = tuple(zeros if state is None else state for state in states)
        repeated = zeros
        for place in reversed(range(self.count)):
            repeated = repeated if given is None else repeated + given[:, place]
            dz[:, place], before = step(place, (carried[0] + repeated, *carried[1:]))
            if self.real is None:
                carried, repeated = before, zeros
                continue
            real = self.real[:, place]
            dz[:, place] = np.where(real, dz[:, place], 0)
            carried = tuple(np.where(real, new, old) for new, old in zip(before, carried, strict=True))
            repeated = zeros if self.zero_masked else np.where(real, zeros, repeated)
        return carried


def _affine(x: np.ndarray, w: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    return x @ w if bias is None else x @ w + bias


def _product(x: np.ndarray, dy: np.ndarray) -> np.ndarray:
    """The gradient by w of x w over all steps."""
    return np.tensordot(x, dy, axes=((0, 1), (0, 1)))


# --- meaning -----------------------------------------------------------------------


def _simple_rnn_gradient(
    y: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    u: np.ndarray,
    bias: np.ndarray | None,
    h: np.ndarray | None,
    mask: np.ndarray | None,
    dy: np.ndarray | None,
    dh: np.ndarray | None,
    *,
    activation: str,
    go_backwards: bool,
    zero_masked: bool,
) -> tuple[np.ndarray, ...]:
    steps = Steps(y, mask, go_backwards, zero_masked)
    states = steps.before(h)
    z = steps.ordered(_affine(x, w, bias)) + states @ u
    slope = _slope(activation, z)

    def back(place: int, made: States) -> tuple[np.ndarray, States]:
        share = slope(made[0], place)
        return share, (share @ u.T,)

    dz = np.empty_like(z)
    first = steps.back(back, dz, dy, (dh,))
    return steps.ordered(dz), _product(states, dz), *first


def _lstm_back(
    steps: Steps,
    z: np.ndarray,
    c: np.ndarray | None,
    names: tuple[str, str],
    axis: int,
    recur: Callable[[np.ndarray], np.ndarray],
) -> Back:
    """z: what enters the gates, in order of steps, gates side by side along an axis of a step."""
    act, gate = map(activation_function, names)
    entering = np.split(z, 4, axis=axis + 1)
    i, f, g, o = (function(x) for function, x in zip((gate, gate, act, gate), entering, strict=True))
    before, made = np.empty_like(i), np.empty_like(i)
    cell = np.zeros_like(i[:, 0]) if c is None else c
    for place in range(steps.count):
        before[:, place] = cell
        made[:, place] = f[:, place] * cell + i[:, place] * g[:, place]
        cell = steps.after(place, made[:, place], cell)
    bent, of_cell = act(made), _slope(names[0], made)
    slopes = [_slope(names[name], x) for name, x in zip((1, 1, 0, 1), entering, strict=True)]

    def back(place: int, given: States) -> tuple[np.ndarray, States]:
        dh, dc = given
        dc = dc + of_cell(dh * o[:, place], place)
        by_gates = dc * g[:, place], dc * before[:, place], dc * i[:, place], dh * bent[:, place]
        share = np.concatenate([slope(dy, place) for slope, dy in zip(slopes, by_gates, strict=True)], axis=axis)
        return share, (recur(share), dc * f[:, place])

    return back


def _lstm_gradient(
    y: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    u: np.ndarray,
    bias: np.ndarray | None,
    h: np.ndarray | None,
    c: np.ndarray | None,
    mask: np.ndarray | None,
    dy: np.ndarray | None,
    dh: np.ndarray | None,
    dc: np.ndarray | None,
    *,
    activation: str,
    recurrent_activation: str,
    go_backwards: bool,
    zero_masked: bool,
) -> tuple[np.ndarray, ...]:
    steps = Steps(y, mask, go_backwards, zero_masked)
    states = steps.before(h)
    z = steps.ordered(_affine(x, w, bias)) + states @ u
    back = _lstm_back(steps, z, c, (activation, recurrent_activation), 1, lambda share: share @ u.T)
    dz = np.empty_like(z)
    first = steps.back(back, dz, dy, (dh, dc))
    return steps.ordered(dz), _product(states, dz), *first


def _gru_gradient(
    y: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    u: np.ndarray,
    bias: np.ndarray | None,
    h: np.ndarray | None,
    mask: np.ndarray | None,
    dy: np.ndarray | None,
    dh: np.ndarray | None,
    *,
    activation: str,
    recurrent_activation: str,
    reset_after: bool,
    go_backwards: bool,
    zero_masked: bool,
) -> tuple[np.ndarray, ...]:
    """`inner` is what h contributes to the gates; without reset_after, r h takes the place of h for the candidate."""
    steps = Steps(y, mask, go_backwards, zero_masked)
    states, units = steps.before(h), len(u)
    act, gate = activation_function(activation), activation_function(recurrent_activation)
    of_input, of_state = (bias, None) if bias is None or not reset_after else bias
    z = steps.ordered(_affine(x, w, of_input))
    inner = _affine(states, u, of_state)
    entering = np.split(z[..., : 2 * units] + inner[..., : 2 * units], 2, axis=-1)
    update, reset = map(gate, entering)
    source = inner[..., 2 * units :] if reset_after else states
    kept = reset * source
    candidate = z[..., 2 * units :] + (kept if reset_after else kept @ u[:, 2 * units :])
    drift = states - act(candidate)
    of_update, of_reset = (_slope(recurrent_activation, x) for x in entering)
    of_candidate = _slope(activation, candidate)
    dinner = np.empty_like(z)

    def back(place: int, given: States) -> tuple[np.ndarray, States]:
        (dh,) = given
        by_candidate = of_candidate(dh * (1 - update[:, place]), place)
        by_kept = by_candidate if reset_after else by_candidate @ u[:, 2 * units :].T
        by_source = by_kept * reset[:, place]
        by_gates = of_update(dh * drift[:, place], place), of_reset(by_kept * source[:, place], place)
        dinner[:, place] = np.concatenate([*by_gates, by_source if reset_after else by_candidate], axis=-1)
        before = dh * update[:, place] + dinner[:, place, : 2 * units] @ u[:, : 2 * units].T
        before = before + (by_source @ u[:, 2 * units :].T if reset_after else by_source)
        return np.concatenate([*by_gates, by_candidate], axis=-1), (before,)

    dz = np.empty_like(z)
    first = steps.back(back, dz, dy, (dh,))
    dinner = dinner if steps.real is None else np.where(steps.real, dinner, 0)
    du = np.concatenate(
        [
            _product(states, dinner[..., : 2 * units]),
            _product(states if reset_after else kept, dinner[..., 2 * units :]),
        ],
        axis=-1,
    )
    sums = dz.sum(axis=(0, 1)), dinner.sum(axis=(0, 1))
    return steps.ordered(dz), du, np.stack(sums) if reset_after else sums[0], *first


def _conv_lstm_gradient(
    y: np.ndarray,
    x: np.ndarray,
    w: np.ndarray,
    u: np.ndarray,
    bias: np.ndarray | None,
    h: np.ndarray | None,
    c: np.ndarray | None,
    mask: np.ndarray | None,
    dy: np.ndarray | None,
    dh: np.ndarray | None,
    dc: np.ndarray | None,
    *,
    strides: tuple[int, ...],
    pads: Any,
    dilations: tuple[int, ...],
    layout: str,
    activation: str,
    recurrent_activation: str,
    go_backwards: bool,
    zero_masked: bool,
) -> tuple[np.ndarray, ...]:
    options: dict[str, Any] = {"groups": 1, "layout": layout}
    ones = (1,) * len(strides)
    inner: dict[str, Any] = {**options, "strides": ones, "pads": "same", "dilations": ones}
    steps = Steps(y, mask, go_backwards, zero_masked)
    states = steps.before(h)
    of_inputs = _fold(conv.meaning, x, w, bias, strides=strides, pads=pads, dilations=dilations, **options)
    z = steps.ordered(of_inputs) + _fold(conv.meaning, states, u, None, **inner)

    def recur(share: np.ndarray) -> np.ndarray:
        return conv_input_gradient.meaning(share, u, states[:, 0], **inner)

    names = activation, recurrent_activation
    back = _lstm_back(steps, z, c, names, channel_axis(z.ndim - 1, layout), recur)
    dz = np.empty_like(z)
    first = steps.back(back, dz, dy, (dh, dc))
    rows = (array.reshape(-1, *array.shape[2:]) for array in (states, dz))
    du = conv_kernel_gradient.meaning(*rows, window=u.shape[:-2], **inner)
    return steps.ordered(dz), du, *first


def _fold(function: Callable[..., np.ndarray], x: np.ndarray, *operands: Any, **attrs: Any) -> np.ndarray:
    """A function of images on all steps at once."""
    y = function(x.reshape(-1, *x.shape[2:]), *operands, **attrs)
    return y.reshape(*x.shape[:2], *y.shape[1:])


# --- cards -------------------------------------------------------------------------


def _gradient_card(cell: Operator, gates: int, attrs: Mapping[str, Any], meaning: Any, bias: bool = False) -> Operator:
    """The card of a cell's gradient.

    operands: y, those of the cell, then the gradients by its outputs. outputs: dz, du, dbias if `bias`,
    and the gradients by the initial states.
    """
    states = [operand.name for operand in cell.operands[4:-1]]
    outputs = " ".join(f"d{name}?" for name in ["y", *states])
    operands = " ".join(operand.name + "?" * operand.optional for operand in cell.operands)
    count = len(cell.operands)

    def infer(y: TensorType, *types: Any, **given: Any) -> tuple[TensorType, ...]:
        made = cell.infer(*types[:count], **given)
        assert isinstance(made, tuple)
        whole, *finals = made
        channels = channel_axis(whole.rank - 1, given.get("layout", "channels_last")) + 1
        dz = whole.with_shape(
            size * gates if place == channels and isinstance(size, int) else size
            for place, size in enumerate(whole.shape)
        )
        u, wide = types[2], types[2].shape[-1]
        of_bias = [whole.with_shape((2, wide) if given["reset_after"] else (wide,))] if bias else []
        return (dz, u, *of_bias, *finals)

    return operator(
        f"{cell.name}_gradient",
        f"y {operands} {outputs}",
        attrs=attrs,
        infer=infer,
        meaning=meaning,
        gradient=not_differentiable,
    )


simple_rnn_gradient = _gradient_card(simple_rnn, 1, ONE, _simple_rnn_gradient)
lstm_gradient = _gradient_card(lstm, 4, GATED, _lstm_gradient)
gru_gradient = _gradient_card(gru, 3, {"reset_after": Bool(True), **GATED}, _gru_gradient, bias=True)
conv_lstm_gradient = _gradient_card(conv_lstm, 4, {**CONV, **GATED}, _conv_lstm_gradient)
