"""Convolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kcompat import layers
from kcompat.ir import Node, Value
from kcompat.layers.symbolic import KerasTensor
from kcompat.operators.window import Pairs, extent, resolve_pads

from .canonical import Rewriter, both_ways, idiom
from .names import scope_of
from .raiser import Order, Raiser, channels_last, first, raises

# --- idioms ------------------------------------------------------------------------


@idiom("mul", "add")
def folded(b: Rewriter, node: Node) -> Value | None:
    """Learned factors, or terms, of the channels of a convolution or of the units of a product, in its weights."""
    for x, vector in both_ways(node):
        array, turned = b.data(vector), b.made_by(x, "transpose")
        if turned is not None and array is not None and vector in b.learned and b.is_read_once(turned.outputs[0]):
            return _folded_before(b, node, turned, vector)
        made = b.made_by(x, "conv", "conv_transpose", "dense")
        if made is None or array is None or vector not in b.learned or not b.is_read_once(made.outputs[0]):
            continue
        along = _channels(made, array)
        if along is None or not all(value is None or b.is_known(value) for value in made.inputs[1:]):
            continue
        w, bias = made.inputs[1:]
        if node.op.name == "mul":
            factors = along[:, None] if made.op.name == "conv_transpose" else along
            kernel: Value | None = b.array(b.data(w) * factors, w)
            term = None if bias is None else b.array(b.data(bias) * along, bias)
        else:
            kernel, term = w, b.array(along if bias is None else b.data(bias) + along, vector)
        with b.at(made):
            value: Value = b.apply(made.op, made.inputs[0], kernel, term, **made.attrs)
        return value
    return None


def _folded_before(b: Rewriter, node: Node, turned: Node, vector: Value) -> Value | None:
    """The same in front of a transpose, if it can be folded there."""
    perm, array = turned.attrs["perm"], b.data(vector)
    if b.made_by(first(turned), "conv", "conv_transpose") is None or node.outputs[0].rank != len(perm):
        return None
    full = array.reshape([1] * (len(perm) - array.ndim) + list(array.shape)).transpose(np.argsort(perm))
    trial = Node(node.op, [first(turned), b.array(full, vector)], node.attrs, [first(turned).type], node.origin)
    found = folded(b, trial)
    return None if found is None else b.rewritten("transpose", found, perm=perm)


def _channels(node: Node, array: np.ndarray) -> np.ndarray | None:
    """An array that broadcasts to a node's result as one number for each channel."""
    y = node.outputs[0]
    axis = 1 if node.attrs.get("layout") == "channels_first" else y.rank - 1
    count = y.shape[axis]
    sizes: list[int] = [1] * (y.rank - array.ndim) + list(array.shape)
    wanted = [count if place == axis else 1 for place in range(y.rank)]
    grouped = node.op.name == "conv_transpose" and node.attrs["groups"] > 1
    return array.reshape(-1) if sizes == wanted and not grouped else None


# --- layers ------------------------------------------------------------------------


def image_order(r: Raiser, node: Node) -> Order:
    """The order of the node's operand and result in which channels are last."""
    rank = node.outputs[0].rank
    return channels_last(rank) if node.attrs["layout"] == "channels_first" else tuple(range(rank))


def window_input(r: Raiser, node: Node) -> KerasTensor:
    """The operand of a window, channels last. Raises SaveError unless it has one to three spatial axes."""
    x = first(node)
    if not 3 <= x.rank <= 5:
        raise r.refusal(f"Keras has windows over one to three axes, this one is over {x.rank - 2}")
    return r.tensor(x, image_order(r, node))


@raises("conv")
def conv(r: Raiser, node: Node) -> None:
    kernel = r.needed(node.inputs[1], "its kernel")
    bias = None if node.inputs[2] is None else r.needed(node.inputs[2], "its bias")
    strides, dilations, groups = (node.attrs[name] for name in ("strides", "dilations", "groups"))
    x = window_input(r, node)
    if _is_pointwise(node, kernel) and _is_depthwise_before(r, node, x):
        r.bind(node.outputs[0], _separable(r, x, kernel, bias), image_order(r, node))
        return
    if max(strides) > 1 and max(dilations) > 1:  # Keras takes only one of them
        kernel, dilations = _spread(kernel, dilations), (1,) * len(dilations)
    window, channels = kernel.shape[:-2], x.shape[-1]
    x, padding = _padded(r, x, node.attrs["pads"], window, strides, dilations)
    options: dict[str, Any] = {
        "kernel_size": window,
        "strides": strides,
        "padding": padding,
        "dilation_rate": dilations,
        "use_bias": bias is not None,
    }
    rank = len(window)
    if groups > 1 and groups == channels and rank < 3 and len(set(strides)) == len(set(dilations)) == 1:
        beside = kernel.reshape(*window, groups, kernel.shape[-1] // groups)
        options["depth_multiplier"] = beside.shape[-1]
        y = r.layer(f"DepthwiseConv{rank}D", x, weights=(beside, bias), **options)
    else:
        y = r.layer(f"Conv{rank}D", x, weights=(kernel, bias), filters=kernel.shape[-1], groups=groups, **options)
    r.bind(node.outputs[0], y, image_order(r, node))


def _is_pointwise(node: Node, kernel: np.ndarray) -> bool:
    ones = (1,) * (kernel.ndim - 2)
    return kernel.shape[:-2] == node.attrs["strides"] == ones and node.attrs["groups"] == 1


def _is_depthwise_before(r: Raiser, node: Node, x: KerasTensor) -> bool:
    """Whether a depthwise convolution without bias, of the same layer, is in front and nothing else reads it."""
    layer: Any = x.call.layer
    before, source = getattr(first(node), "producer", None), first(node)
    if not isinstance(layer, (layers.DepthwiseConv1D, layers.DepthwiseConv2D)) or before is None:
        return False
    same = scope_of(node) == scope_of(before) != ""
    return same and not layer.use_bias and layer.activation.name == "linear" and r.is_read_once(source)


def _separable(r: Raiser, x: KerasTensor, kernel: np.ndarray, bias: np.ndarray | None) -> KerasTensor:
    depthwise: Any = x.call.layer
    names = ("kernel_size", "strides", "padding", "dilation_rate", "depth_multiplier")
    r.names.release(depthwise.name)
    return r.layer(
        f"SeparableConv{kernel.ndim - 2}D",
        x.call.input_tensors[0],
        weights=(depthwise.kernel.value, kernel, bias),
        filters=kernel.shape[-1],
        use_bias=bias is not None,
        **{name: getattr(depthwise, name) for name in names},
    )


def _spread(kernel: np.ndarray, dilations: Sequence[int]) -> np.ndarray:
    """The kernel with zeros between its elements instead of the dilation."""
    window = kernel.shape[:-2]
    wide = np.zeros((*map(extent, window, dilations), *kernel.shape[-2:]), kernel.dtype)
    wide[tuple(slice(None, None, d) for d in dilations)] = kernel
    return wide


# --- padding -----------------------------------------------------------------------


def _padded(
    r: Raiser, x: KerasTensor, pads: str | Pairs, window: Sequence[int], strides: Sequence[int], dilations: Any
) -> tuple[KerasTensor, str]:
    """The operand, padded if the layer cannot, and the layer's padding."""
    word = padding_word(x.shape[1:-1], pads, window, strides, dilations)
    if word is not None:
        return x, word
    pairs = explicit_pads(r, x, pads, window, strides, dilations)
    if len(window) == 1 and pairs == ((extent(window[0], dilations[0]) - 1, 0),):
        return x, "causal"
    return zero_padding(r, x, pairs), "valid"


def padding_word(
    sizes: Sequence[int | None], pads: str | Pairs, window: Sequence[int], strides: Sequence[int], dilations: Any
) -> str | None:
    """ "valid" or "same" where it pads just so, whatever the open sizes are."""
    if pads in ("valid", "same"):
        return str(pads)
    per_axis = [pads] * len(window) if isinstance(pads, str) else list(pads)
    if not any(pad if isinstance(pad, str) else any(pad) for pad in per_axis):
        return "valid"
    same = all(map(_is_same, sizes, per_axis, window, strides, dilations))
    return "same" if same else None


def _is_same(size: int | None, pad: Any, window: int, stride: int, dilation: int) -> bool:
    if size is None and stride > 1:
        return False
    of = ((size or 1),), (window,), (stride,), (dilation,)
    return resolve_pads((pad,) if not isinstance(pad, str) else pad, *of) == resolve_pads("same", *of)


def explicit_pads(
    r: Raiser, x: KerasTensor, pads: str | Pairs, window: Sequence[int], strides: Sequence[int], dilations: Any
) -> Pairs:
    """Pads as numbers. Raises SaveError where they depend on a size that is open."""
    if not isinstance(pads, str):
        return pads
    sizes = x.shape[1:-1]
    if None in sizes and max(strides) > 1:
        raise r.refusal(f"its padding '{pads}' depends on sizes that are open; give the model's input_shapes")
    return resolve_pads(pads, [size or 1 for size in sizes], window, strides, dilations)


def zero_padding(r: Raiser, x: KerasTensor, pairs: Pairs) -> KerasTensor:
    """x with zeros around it; negative amounts take positions away."""
    rank = len(pairs)
    lower = tuple((max(-low, 0), max(-high, 0)) for low, high in pairs)
    raised = tuple((max(low, 0), max(high, 0)) for low, high in pairs)
    if any(map(any, lower)):
        x = cropped(r, x, lower)
    if not any(map(any, raised)):
        return x
    return r.layer(f"ZeroPadding{rank}D", x, suffix="pad", padding=raised if rank > 1 else raised[0])


def cropped(r: Raiser, x: KerasTensor, pairs: Pairs) -> KerasTensor:
    """x without positions at the ends of its spatial axes."""
    return r.layer(f"Cropping{len(pairs)}D", x, suffix="crop", cropping=pairs if len(pairs) > 1 else pairs[0])


# --- transposed convolution --------------------------------------------------------


@raises("conv_transpose")
def conv_transpose(r: Raiser, node: Node) -> None:
    """Keras cuts nothing ("valid") or what leaves size * stride ("same"); other cuts are layers of their own."""
    kernel = r.needed(node.inputs[1], "its kernel")
    bias = None if node.inputs[2] is None else r.needed(node.inputs[2], "its bias")
    strides, dilations = node.attrs["strides"], node.attrs["dilations"]
    x = window_input(r, node)
    if max(strides) > 1 and max(dilations) > 1:
        kernel, dilations = _spread(kernel, dilations), (1,) * len(dilations)
    kernel = _ungrouped(kernel, node.attrs["groups"])
    spans = tuple(map(extent, kernel.shape[:-2], dilations))
    extras = node.attrs["output_padding"]
    cuts = [(low, high - extra) for (low, high), extra in zip(node.attrs["pads"], extras, strict=True)]
    padding, rest, added = _transposed_padding(spans, strides, cuts)
    y = r.layer(
        f"Conv{len(spans)}DTranspose",
        x,
        weights=(kernel, bias),
        filters=kernel.shape[-2],
        kernel_size=kernel.shape[:-2],
        strides=strides,
        padding=padding,
        dilation_rate=dilations,
        output_padding=added,
        use_bias=bias is not None,
    )
    if any(map(any, rest)):
        y = cropped(r, y, rest)
    r.bind(node.outputs[0], y, image_order(r, node))


def _transposed_padding(
    spans: Sequence[int], strides: Sequence[int], cuts: Sequence[tuple[int, int]]
) -> tuple[str, Pairs, tuple[int, ...] | None]:
    """The layer's padding, what is to be cut then, and the layer's output padding."""
    none = ((0, 0),) * len(cuts)
    excess = [span - stride for span, stride in zip(spans, strides, strict=True)]
    if cuts == [(total // 2, total - total // 2) if total > 0 else (0, total) for total in excess]:
        return "same", none, None
    missing = [max(-high, 0) for _, high in cuts]
    rest = tuple((low, max(high, 0)) for low, high in cuts)
    grown = [max(stride - span, 0) for span, stride in zip(spans, strides, strict=True)]
    if missing == grown:
        return "valid", rest, None
    return "valid", rest, tuple(missing)


def _ungrouped(kernel: np.ndarray, groups: int) -> np.ndarray:
    """The kernel of a grouped transposed convolution, which Keras lacks, as one with zeros between the groups."""
    if groups == 1:
        return kernel
    *window, outputs, inputs = kernel.shape
    each = inputs // groups
    whole = np.zeros((*window, outputs * groups, inputs), kernel.dtype)
    for group in range(groups):
        part = slice(group * each, (group + 1) * each)
        whole[..., group * outputs : (group + 1) * outputs, part] = kernel[..., part]
    return whole
