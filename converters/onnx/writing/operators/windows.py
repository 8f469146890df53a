"""Convolution and pooling; the layout pass has put channels first."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.ir.graph import Result
from kcompat.operators.window import resolve_pads

from ..call import Call, writes


def require_channels_first(w: Call) -> None:
    assert w.attr("layout") == "channels_first", "the layout pass comes first"


def _padding(w: Call, window: tuple[int, ...], dilations: tuple[int, ...]) -> dict[str, Any]:
    """Explicit pads wherever the sizes are known, else ONNX's word for them."""
    pads, sizes = w.attr("pads"), w.type().shape[2:]
    if pads in ("same", "same_lower") and not all(isinstance(size, int) for size in sizes):
        return {"auto_pad": "SAME_UPPER" if pads == "same" else "SAME_LOWER"}
    known = [size if isinstance(size, int) else 0 for size in sizes]
    pairs = resolve_pads(pads, known, window, w.attr("strides"), dilations)
    wide = [max(low, 0) for low, _ in pairs] + [max(high, 0) for _, high in pairs]
    return {"pads": wide} if any(wide) else {}


def window_of(w: Call, window: tuple[int, ...], dilations: tuple[int, ...]) -> dict[str, Any]:
    """The attributes that convolution and pooling share."""
    return {
        "kernel_shape": list(window),
        "strides": list(w.attr("strides")),
        "dilations": list(dilations),
        **_padding(w, window, dilations),
    }


def uncropped(w: Call) -> str:
    """The operand without what negative pads take away, which windows of ONNX do not have."""
    pads = w.attr("pads")
    if isinstance(pads, str) or min(min(pair) for pair in pads) >= 0:
        return w.x()
    lows, highs = ([0, 0, *(min(pair[side], 0) for pair in pads)] for side in (0, 1))
    return w.add("Pad", w.x(), pads=[*lows, *highs])


def kernel_of(w: Call, perm: tuple[int, ...]) -> str:
    if w.data(1) is not None:
        return w.weight(1, lambda kernel: kernel.transpose(perm))
    return w.add("Transpose", w.x(1), perm=perm)


@writes("conv")
def _conv(w: Call) -> str:
    require_channels_first(w)
    shape = w.type(1).shape
    rank = len(shape)
    attributes = window_of(w, shape[:-2], w.attr("dilations"))  # type: ignore[arg-type]
    kernel = kernel_of(w, (rank - 1, rank - 2, *range(rank - 2)))
    bias = [w.x(2)] if w.given(2) else []
    return w.add("Conv", uncropped(w), kernel, *bias, group=w.attr("groups"), **attributes)


@writes("conv_transpose")
def _conv_transpose(w: Call) -> str:
    """What `pads` and `output_padding` add at an end beyond a stride is added after, before the bias."""
    require_channels_first(w)
    shape, strides = w.type(1).shape, w.attr("strides")
    rank = len(shape)
    lows = [low for low, _ in w.attr("pads")]
    highs = [high - extra for (_, high), extra in zip(w.attr("pads"), w.attr("output_padding"), strict=True)]
    extras = [-high if -stride < high < 0 else 0 for high, stride in zip(highs, strides, strict=True)]
    missing = [
        *(max(-low, 0) for low in lows),
        *(max(-high - extra, 0) for high, extra in zip(highs, extras, strict=True)),
    ]
    cut = [*(max(low, 0) for low in lows), *(max(high, 0) for high in highs)]
    count = len(strides)
    bias = [w.x(2)] if w.given(2) and not any(missing) else []
    result = w.add(
        "ConvTranspose",
        w.x(),
        kernel_of(w, (rank - 1, rank - 2, *range(rank - 2))),
        *bias,
        kernel_shape=list(shape[:-2]),
        strides=list(strides),
        dilations=list(w.attr("dilations")),
        group=w.attr("groups"),
        pads=cut,
        output_padding=extras if any(extras) else None,
    )
    if not any(missing):
        return result
    result = w.add("Pad", result, pads=[0, 0, *missing[:count], 0, 0, *missing[count:]])
    if not w.given(2):
        return result
    return w.add("Add", result, w.weight(2, lambda bias: bias.reshape(-1, *[1] * count)))


@writes("max_pool")
def _max_pool(w: Call) -> str:
    require_channels_first(w)
    window = w.attr("window")
    fits = w.is_float or w.dtype in ("int8", "uint8")
    x = uncropped(w) if fits else w.cast(uncropped(w), "float64")
    attributes = window_of(w, window, w.attr("dilations") or (1,) * len(window))
    result, _ = w.add("MaxPool", x, outputs=[True, _sees_zeros(w)], **attributes)
    return result if fits else w.cast(result, w.dtype)


def _sees_zeros(w: Call) -> bool:
    """Whether zeros around numbers of any sign are pooled, which onnxruntime (1.17 to 1.31) takes for its own padding.

    It leaves them where the places of the largest are asked for too. Source: pad_fusion.cc there.
    """
    value = w.value()
    source = value.producer if isinstance(value, Result) else None
    if source is None or source.op.name != "pad" or source.attrs["mode"] != "constant" or source.attrs["value"]:
        return False
    before = source.inputs[0].producer if isinstance(source.inputs[0], Result) else None
    if before is not None and before.op.name == "relu":
        return bool(before.attrs["negative_slope"])
    return before is None or before.op.name not in _NOT_NEGATIVE


_NOT_NEGATIVE = {"sigmoid", "softmax", "softplus", "square", "abs", "exp"}


@writes("max_pool_places")
def _max_pool_places(w: Call) -> tuple[str, str]:
    window = w.attr("window")
    attributes = window_of(w, window, w.attr("dilations") or (1,) * len(window))
    return w.add("MaxPool", w.x(), outputs=2, storage_order=int(w.attr("column_major")), **attributes)


@writes("avg_pool")
def _avg_pool(w: Call) -> str:
    require_channels_first(w)
    window = w.attr("window")
    dilations = w.attr("dilations") or (1,) * len(window)
    attributes = window_of(w, window, dilations)
    if max(dilations) > 1:
        w.require_opset(19, "AveragePool with dilations")
    elif w.opset < 19:
        del attributes["dilations"]
    return w.add("AveragePool", uncropped(w), count_include_pad=int(w.attr("count_padding")), **attributes)


@writes("stft")
def _stft(w: Call) -> tuple[str, str]:
    """A convolution with the waves under the window: exact, and known to every runtime."""
    window, step = w.known(1), w.attr("step")
    length, dims = len(window), w.type().shape
    angles = 2 * np.pi * np.outer(np.arange(length // 2 + 1), np.arange(length)) / length
    waves = np.concatenate([np.cos(angles), -np.sin(angles)]) * window
    rows = w.add("Reshape", w.x(), shape=[-1, 1, dims[-1] if isinstance(dims[-1], int) else 0])
    if not isinstance(dims[-1], int):
        rows = w.add("Reshape", w.x(), shape=w.joined(w.ints([-1, 1]), w.sizes(0, w.rank - 1)))
    frames = w.add("Conv", rows, w.like(waves[:, None]), kernel_shape=[length], strides=[step])
    spectrum = w.add("Transpose", frames, perm=[0, 2, 1])
    parts = w.add("Split", spectrum, split=[length // 2 + 1] * 2, axis=2, outputs=2)
    if w.rank == 2:
        return parts
    lead = w.sizes(0, 0, w.rank - 1)
    shape = w.joined(lead, w.shape(parts[0], 1, 3))
    return w.add("Reshape", parts[0], shape=shape), w.add("Reshape", parts[1], shape=shape)
