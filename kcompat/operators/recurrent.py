"""Recurrent cells, each over whole sequences.

A sequence x is (batch, time, ...). The operators give the outputs of all steps, and the states after
the last one; states that are not given start as zeros. A step that `mask` (batch, time) marks False
leaves the states as they are and repeats the output before it, which at the start is zeros; with
zero_masked its output is zeros. go_backwards takes the steps from last to first, and gives the
outputs in that order. Weights are as Keras has them: w maps an input and u an output or state to the
gates, which lie side by side. Source: `rnn` in keras/src/backend/tensorflow/rnn.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.builder import Builder
from ..ir.operator import OPERATORS, Bool, Gradient, Ints, Layout, Operator, Pads, one_of, operator, same_dtype
from ..ir.types import Dim, TensorType, same_dim, shape_text
from . import activation as functions
from .arithmetic import clip, exp
from .conv import conv, input_gradient
from .gradients import Gradients
from .linear import rows
from .window import Pairs, channel_axis

States = tuple[np.ndarray, ...]
Step = Callable[[np.ndarray, States], States]

ACTIVATIONS: dict[str, tuple[Operator, Mapping[str, Any]] | None] = {
    "linear": None,
    "celu": (functions.celu, {}),
    "elu": (functions.elu, {}),
    "exponential": (exp, {}),
    "gelu": (functions.gelu, {}),
    "hard_shrink": (functions.hard_shrink, {}),
    "hard_sigmoid": (functions.hard_sigmoid, {}),
    "hard_sigmoid_keras2": (functions.hard_sigmoid, {"alpha": 0.2, "beta": 0.5}),
    "hard_silu": (functions.hard_silu, {}),
    "hard_tanh": (clip, {"low": -1.0, "high": 1.0}),
    "leaky_relu": (functions.relu, {"negative_slope": 0.2}),
    "log_sigmoid": (functions.log_sigmoid, {}),
    "log_softmax": (functions.log_softmax, {}),
    "mish": (functions.mish, {}),
    "relu": (functions.relu, {}),
    "relu6": (functions.relu, {"max_value": 6.0}),
    "selu": (functions.selu, {}),
    "sigmoid": (functions.sigmoid, {}),
    "silu": (functions.silu, {}),
    "soft_shrink": (functions.soft_shrink, {}),
    "softmax": (functions.softmax, {}),
    "softplus": (functions.softplus, {}),
    "softsign": (functions.softsign, {}),
    "sparse_plus": (functions.sparse_plus, {}),
    "sparse_sigmoid": (functions.hard_sigmoid, {"alpha": 0.5, "beta": 0.5}),
    "sparsemax": (functions.sparsemax, {}),
    "squareplus": (functions.squareplus, {}),
    "tanh": (functions.tanh, {}),
    "tanh_shrink": (functions.tanh_shrink, {}),
}
"""What activation attributes can name: the operator and its attributes; None for the identity."""


def activation_function(name: str) -> Callable[[np.ndarray], np.ndarray]:
    entry = ACTIVATIONS[name]
    if entry is None:
        return lambda x: x
    card, attributes = entry
    complete = card.check_attributes(attributes)
    return lambda x: card.meaning(x, **complete)


_Name = one_of(*ACTIVATIONS)
ONE = {"activation": _Name("tanh"), "go_backwards": Bool(False), "zero_masked": Bool(False)}
CONV = {"strides": Ints, "pads": Pads("valid"), "dilations": Ints, "layout": Layout}
GATED = {"recurrent_activation": _Name("sigmoid"), **ONE}


# --- gradients ---------------------------------------------------------------------


def _cell_gradient(name: str) -> Gradient:
    """By dz, the gradient by x w + bias, and what else the card of the cell's gradient gives."""

    def gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, **attrs: Any) -> Gradients:
        x, w, _, bias, *_ = inputs
        dz, du, *rest = b.apply(OPERATORS[f"{name}_gradient"], outputs[0], *inputs, *gradients, **attrs)
        by_bias = rest.pop(0) if name == "gru" else b.reduce_sum(dz, axes=(0, 1))
        by_x = b.matmul(dz, w, transpose_b=True)
        by_w = b.matmul(rows(b, x), rows(b, dz), transpose_a=True)
        return [by_x, by_w, du, None if bias is None else by_bias, *rest, None]

    return gradient


def _conv_lstm_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, **attrs: Any) -> Gradients:
    x, w, _, bias, *_ = inputs
    dz, du, *rest = b.conv_lstm_gradient(outputs[0], *inputs, *gradients, **attrs)
    options = {name: attrs[name] for name in CONV}
    steps, given = b.fold_time(x), b.fold_time(dz)
    channels = channel_axis(given.rank, attrs["layout"])
    return [
        b.unfold_time(input_gradient(b, given, w, steps, groups=1, **options), x),
        b.conv_kernel_gradient(steps, given, window=w.shape[:-2], groups=1, **options),
        du,
        None if bias is None else b.reduce_sum(given, axes=[a for a in range(given.rank) if a != channels]),
        *rest,
        None,
    ]


# --- types -------------------------------------------------------------------------


def check_mask(name: str, x: TensorType, mask: TensorType | None) -> None:
    """Raises DtypeError or ShapeError unless the mask marks steps of x."""
    if mask is None:
        return
    if mask.dtype != "bool":
        raise DtypeError(f"{name}: a mask is boolean, received {mask.dtype}")
    if mask.rank != 2:
        raise ShapeError(f"{name}: a mask is (batch, time), received {shape_text(mask.shape)}")
    for size, other, axis in zip(mask.shape, x.shape, ("batch", "time"), strict=False):
        same_dim(size, other, f"{name}: {axis} sizes of the mask and the sequence")


def _expect(name: str, what: str, given: TensorType | None, shape: tuple[Dim, ...]) -> None:
    if given is None:
        return
    if given.rank != len(shape):
        raise ShapeError(f"{name}: {what} must be {shape_text(shape)}, received {shape_text(given.shape)}")
    for size, wanted in zip(given.shape, shape, strict=True):
        same_dim(size, wanted, f"{name}: sizes of {what} {shape_text(given.shape)} and {shape_text(shape)}")


def _cell_types(
    name: str,
    gates: int,
    x: TensorType,
    w: TensorType,
    u: TensorType,
    bias: TensorType | None,
    bias_rows: tuple[int, ...],
    states: Sequence[TensorType | None],
    mask: TensorType | None,
) -> tuple[TensorType, ...]:
    """Types of the outputs and of the states of a cell with vectors as states."""
    same_dtype(name, x, w, u, bias, *states)
    if x.rank != 3:
        raise ShapeError(f"{name}: a sequence is (batch, time, features), received {shape_text(x.shape)}")
    units = u.shape[0] if u.rank == 2 else None
    wide = units * gates if isinstance(units, int) else None
    _expect(name, "u", u, (units, wide))
    _expect(name, "w", w, (x.shape[2], wide))
    _expect(name, "bias", bias, (*bias_rows, wide))
    for state in states:
        _expect(name, "a state", state, (x.shape[0], units))
    check_mask(name, x, mask)
    final = x.with_shape((x.shape[0], units))
    return (x.with_shape((*x.shape[:2], units)), *[final] * len(states))


# --- meaning -----------------------------------------------------------------------


def _scan(
    step: Step,
    inputs: np.ndarray,
    states: States,
    mask: np.ndarray | None,
    go_backwards: bool,
    zero_masked: bool,
) -> tuple[np.ndarray, ...]:
    """Outputs of all steps, and the states after the last; a step's output is the first state it makes.

    inputs: (batch, time, ...), what the steps take.
    """
    count = inputs.shape[1]
    output = zeros = np.zeros_like(states[0])
    outputs = np.empty((len(zeros), count, *zeros.shape[1:]), zeros.dtype)
    for place, time in enumerate(reversed(range(count)) if go_backwards else range(count)):
        made = step(inputs[:, time], states)
        if mask is None:
            output, states = made[0], made
        else:
            real = mask[:, time].reshape(-1, *[1] * (zeros.ndim - 1))
            output = np.where(real, made[0], zeros if zero_masked else output)
            states = tuple(np.where(real, new, old) for new, old in zip(made, states, strict=True))
        outputs[:, place] = output
    return (outputs, *states)


def _vectors(x: np.ndarray, u: np.ndarray, *states: np.ndarray | None) -> States:
    return tuple(np.zeros((len(x), len(u)), x.dtype) if state is None else state for state in states)


def _affine(x: np.ndarray, w: np.ndarray, bias: np.ndarray | None) -> np.ndarray:
    return x @ w if bias is None else x @ w + bias


def _simple_rnn(
    x: np.ndarray,
    w: np.ndarray,
    u: np.ndarray,
    bias: np.ndarray | None,
    h: np.ndarray | None,
    mask: np.ndarray | None,
    *,
    activation: str,
    go_backwards: bool,
    zero_masked: bool,
) -> tuple[np.ndarray, ...]:
    act = activation_function(activation)

    def step(z: np.ndarray, states: States) -> States:
        return (act(z + states[0] @ u),)

    return _scan(step, _affine(x, w, bias), _vectors(x, u, h), mask, go_backwards, zero_masked)


simple_rnn = operator(
    "simple_rnn",
    "x w u bias? h? mask?",
    attrs=ONE,
    infer=lambda x, w, u, bias, h, mask, **_: _cell_types("simple_rnn", 1, x, w, u, bias, (), (h,), mask),
    meaning=_simple_rnn,
    gradient=_cell_gradient("simple_rnn"),
)
"""h = activation(x w + bias + h u), from x (N, T, F), w (F, U), u (U, U), bias (U,), h (N, U).

Outputs: all h (N, T, U), the last h.
"""


def _lstm_step(act: Any, gate: Any, axis: int, recur: Callable[[np.ndarray], np.ndarray]) -> Step:
    def step(z: np.ndarray, states: States) -> States:
        h, c = states
        i, f, g, o = np.split(z + recur(h), 4, axis=axis)
        c = gate(f) * c + gate(i) * act(g)
        return gate(o) * act(c), c

    return step


def _lstm(
    x: np.ndarray,
    w: np.ndarray,
    u: np.ndarray,
    bias: np.ndarray | None,
    h: np.ndarray | None,
    c: np.ndarray | None,
    mask: np.ndarray | None,
    *,
    activation: str,
    recurrent_activation: str,
    go_backwards: bool,
    zero_masked: bool,
) -> tuple[np.ndarray, ...]:
    step = _lstm_step(activation_function(activation), activation_function(recurrent_activation), -1, lambda h: h @ u)
    return _scan(step, _affine(x, w, bias), _vectors(x, u, h, c), mask, go_backwards, zero_masked)


lstm = operator(
    "lstm",
    "x w u bias? h? c? mask?",
    attrs=GATED,
    infer=lambda x, w, u, bias, h, c, mask, **_: _cell_types("lstm", 4, x, w, u, bias, (), (h, c), mask),
    meaning=_lstm,
    gradient=_cell_gradient("lstm"),
)
"""Gates i, f, g, o of x w + bias + h u; c = f c + i g, h = o activation(c).

x (N, T, F), w (F, 4 U), u (U, 4 U), bias (4 U,), h and c (N, U). g has the activation, the others the
recurrent_activation. Outputs: all h (N, T, U), the last h, the last c.
"""


def _gru(
    x: np.ndarray,
    w: np.ndarray,
    u: np.ndarray,
    bias: np.ndarray | None,
    h: np.ndarray | None,
    mask: np.ndarray | None,
    *,
    activation: str,
    recurrent_activation: str,
    reset_after: bool,
    go_backwards: bool,
    zero_masked: bool,
) -> tuple[np.ndarray, ...]:
    act, gate, units = activation_function(activation), activation_function(recurrent_activation), len(u)
    of_input, of_state = (bias, None) if bias is None or not reset_after else bias

    def step(z: np.ndarray, states: States) -> States:
        (h,) = states
        inner = _affine(h, u, of_state) if reset_after else h @ u[:, : 2 * units]
        update, reset = map(gate, np.split(z[:, : 2 * units] + inner[:, : 2 * units], 2, axis=-1))
        recurrent = reset * inner[:, 2 * units :] if reset_after else (reset * h) @ u[:, 2 * units :]
        return (update * h + (1 - update) * act(z[:, 2 * units :] + recurrent),)

    return _scan(step, _affine(x, w, of_input), _vectors(x, u, h), mask, go_backwards, zero_masked)


gru = operator(
    "gru",
    "x w u bias? h? mask?",
    attrs={"reset_after": Bool(True), **GATED},
    infer=lambda x, w, u, bias, h, mask, *, reset_after, **_: _cell_types(
        "gru", 3, x, w, u, bias, (2,) if reset_after else (), (h,), mask
    ),
    meaning=_gru,
    gradient=_cell_gradient("gru"),
)
"""Gates z, r and candidate g; h = z h + (1 - z) g.

With reset_after, g = activation(x w + b + r (h u + d)), bias (2, 3 U) has the rows b and d; else
g = activation(x w + b + (r h) u), bias (3 U,). x (N, T, F), w (F, 3 U), u (U, 3 U), h (N, U).
Outputs: all h (N, T, U), the last h.
"""


# --- convolutional -----------------------------------------------------------------


def _conv_lstm_types(
    x: TensorType,
    w: TensorType,
    u: TensorType,
    bias: TensorType | None,
    h: TensorType | None,
    c: TensorType | None,
    mask: TensorType | None,
    *,
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    layout: str,
    **_: Any,
) -> tuple[TensorType, ...]:
    same_dtype("conv_lstm", x, w, u, bias, h, c)
    if x.rank < 4 or w.rank != x.rank - 1 or u.rank != w.rank:
        raise ShapeError(
            f"conv_lstm: x {shape_text(x.shape)} must be (batch, time, *spatial, channels) by layout, "
            f"w {shape_text(w.shape)} and u {shape_text(u.shape)} (*window, inputs, outputs)"
        )
    filters = u.shape[-2]
    wide = filters * 4 if isinstance(filters, int) else None
    _expect("conv_lstm", "u", u, (*u.shape[:-1], wide))
    _expect("conv_lstm", "w", w, (*w.shape[:-1], wide))
    _expect("conv_lstm", "bias", bias, (wide,))
    step = x.with_shape((x.shape[0], *x.shape[2:]))
    gates = conv.infer(step, w, bias, strides=strides, pads=pads, dilations=dilations, groups=1, layout=layout)
    assert isinstance(gates, TensorType)
    axis = channel_axis(gates.rank, layout)
    state = gates.with_shape(filters if place == axis else dim for place, dim in enumerate(gates.shape))
    for given in (h, c):
        _expect("conv_lstm", "a state", given, state.shape)
    check_mask("conv_lstm", x, mask)
    return state.with_shape((x.shape[0], x.shape[1], *state.shape[1:])), state, state


def _conv_lstm(
    x: np.ndarray,
    w: np.ndarray,
    u: np.ndarray,
    bias: np.ndarray | None,
    h: np.ndarray | None,
    c: np.ndarray | None,
    mask: np.ndarray | None,
    *,
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    layout: str,
    activation: str,
    recurrent_activation: str,
    go_backwards: bool,
    zero_masked: bool,
) -> tuple[np.ndarray, ...]:
    steps = x.reshape(-1, *x.shape[2:])
    z = conv.meaning(steps, w, bias, strides=strides, pads=pads, dilations=dilations, groups=1, layout=layout)
    z = z.reshape(*x.shape[:2], *z.shape[1:])
    axis, ones = channel_axis(z.ndim - 1, layout), (1,) * len(strides)
    shape = [len(x), *z.shape[2:]]
    shape[axis] //= 4
    states = tuple(np.zeros(shape, x.dtype) if state is None else state for state in (h, c))

    def recur(h: np.ndarray) -> np.ndarray:
        return conv.meaning(h, u, None, strides=ones, pads="same", dilations=ones, groups=1, layout=layout)

    step = _lstm_step(activation_function(activation), activation_function(recurrent_activation), axis, recur)
    return _scan(step, z, states, mask, go_backwards, zero_masked)


conv_lstm = operator(
    "conv_lstm",
    "x w u bias? h? c? mask?",
    attrs={**CONV, **GATED},
    infer=_conv_lstm_types,
    meaning=_conv_lstm,
    gradient=_conv_lstm_gradient,
)
"""lstm with convolutions for products: of each step by w as `conv` does, of h by u with "same" padding.

x (N, T, *S, C) or (N, T, C, *S) by layout, w (*K, C, 4 F), u (*K, F, 4 F), bias (4 F,); states are
images as the convolution of a step makes them, with F channels. Outputs: all h, the last h, the last c.
"""
