"""Steps of a scale, and products of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..call import Call, writes
from .windows import kernel_of, require_channels_first, uncropped, window_of

_WORDS, _WORDS_SINCE = ("int16", "uint16"), 21
"""Dtypes of 16 bits, and the opset since which steps may be of them."""


def _axis(w: Call) -> int | None:
    """The one axis of the first operand along which the others vary, None if they are numbers. Raises SaveError."""
    rank, axes = w.rank, set()
    for index in (1, 2):
        shape = w.type(index).shape
        if len(shape) > rank:
            raise w.refusal("its scale has more axes than what is scaled")
        axes |= {axis for axis, size in enumerate(shape, rank - len(shape)) if size != 1}
    if len(axes) > 1:
        raise w.refusal("its scale varies along several axes")
    return axes.pop() if axes else None


def _along(w: Call, index: int, axis: int | None) -> str:
    """A scale or a zero as a number or a vector along an axis."""
    data = w.data(index)
    if data is None:
        if (axis is None) != (all(size == 1 for size in w.type(index).shape)):
            raise w.refusal("it has a computed number beside a vector")
        return w.x(index) if w.type(index).rank == (axis is not None) else w.add("Reshape", w.x(index), shape=[-1])
    if axis is None:
        return w.x(index) if not data.ndim else w.output.constant(data.reshape(()))
    counts = [size for other in (1, 2) for size in w.type(other).shape if isinstance(size, int)]
    return w.weight(index, lambda array: np.broadcast_to(array.reshape(-1), (max(counts),)))


@writes("quantize", "dequantize")
def _steps(w: Call) -> str:
    axis = _axis(w)
    if w.type(2).dtype in _WORDS:
        w.require_opset(_WORDS_SINCE, f"QuantizeLinear of {w.type(2).dtype}")
    name = "QuantizeLinear" if w.node.op.name == "quantize" else "DequantizeLinear"
    return w.add(name, w.x(), _along(w, 1, axis), _along(w, 2, axis), axis=axis)


@writes("requantize")
def _requantize(w: Call) -> str:
    dtype = w.type(2).dtype
    bounds = np.iinfo(dtype)
    scaled = w.add("Round", w.add("Mul", w.cast(w.x(), "float32"), w.x(1)))
    steps = w.add("Add", scaled, w.cast(w.x(2), "float32"))
    limits = (w.output.constant(np.asarray(limit, np.float32)) for limit in (bounds.min, bounds.max))
    return w.cast(w.add("Clip", steps, *limits), dtype)


@writes("dynamic_quantize")
def _dynamic(w: Call) -> Any:
    return w.add("DynamicQuantizeLinear", w.x(), outputs=3)


def _zero(w: Call, index: int) -> str:
    """A zero as a number or a vector; nothing if there is none. onnxruntime's ConvInteger takes numbers alone."""
    if not w.given(index):
        return ""
    data = w.data(index)
    if data is not None and data.ndim and (data == data.flat[0]).all():
        return w.output.constant(data.flat[0].reshape(()))
    shape = w.type(index).shape
    return w.x(index) if len(shape) <= 1 else w.add("Reshape", w.x(index), shape=[-1])


@writes("integer_matmul")
def _matmul(w: Call) -> str:
    return w.add("MatMulInteger", w.x(), w.x(1), _zero(w, 2), _zero(w, 3))


@writes("integer_conv")
def _conv(w: Call) -> str:
    require_channels_first(w)
    shape = w.type(1).shape
    rank = len(shape)
    if uncropped(w) != w.x():
        raise w.refusal("its pads are negative")
    kernel = kernel_of(w, (rank - 1, rank - 2, *range(rank - 2)))
    attributes = window_of(w, shape[:-2], w.attr("dilations"))  # type: ignore[arg-type]
    return w.add("ConvInteger", w.x(), kernel, _zero(w, 2), _zero(w, 3), group=w.attr("groups"), **attributes)
