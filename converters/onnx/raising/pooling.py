"""Pooling."""

from __future__ import annotations

import numpy as np

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result
from kcompat.layers.symbolic import KerasTensor
from kcompat.operators.window import output_sizes

from .raiser import Raiser, raises
from .windows import cropped, explicit_pads, image_order, padding_word, window_input, zero_padding

LOWEST = float(np.finfo(np.float32).min)
"""What pads for a maximum; JSON has no infinity."""


class _Window:
    """The attributes of a pooling node, completed."""

    def __init__(self, r: Raiser, node: Node) -> None:
        self.x = window_input(r, node)
        self.size = node.attrs["window"]
        self.strides = node.attrs["strides"]
        self.rank = len(self.size)
        if node.attrs["dilations"] not in ((), (1,) * self.rank):
            raise r.refusal(f"Keras has no pooling with dilations {node.attrs['dilations']}")
        self.ones = (1,) * self.rank
        self.given = node.attrs["pads"]
        self.word = padding_word(self.x.shape[1:-1], self.given, self.size, self.strides, self.ones)
        self.pads = (
            explicit_pads(r, self.x, self.given, self.size, self.strides, self.ones) if self.word is None else ()
        )

    @property
    def is_centred(self) -> bool:
        """Whether the windows lie where those of "same" with strides of one do."""
        return all(low == (size - 1) // 2 for (low, _), size in zip(self.pads, self.size, strict=True))

    def pool(self, r: Raiser, kind: str, x: KerasTensor, padding: str) -> KerasTensor:
        return r.layer(f"{kind}Pooling{self.rank}D", x, pool_size=self.size, strides=self.strides, padding=padding)

    def picked(self, r: Raiser, kind: str) -> KerasTensor:
        """ "same" with strides of one, then every so manieth position: a pool over windows of one."""
        y = r.layer(f"{kind}Pooling{self.rank}D", self.x, pool_size=self.size, strides=self.ones, padding="same")
        if max(self.strides) > 1:
            y = r.layer(f"MaxPooling{self.rank}D", y, suffix="pick", pool_size=self.ones, strides=self.strides)
        return self._shortened(r, y)

    def _shortened(self, r: Raiser, y: KerasTensor) -> KerasTensor:
        """The first positions, where the high pads leave fewer."""
        outs = output_sizes("pooling", self.x.shape[1:-1], self.size, self.strides, self.pads, self.ones)
        surplus = tuple((0, have - out) for have, out in zip(y.shape[1:-1], outs, strict=True))  # type: ignore[operator]
        return cropped(r, y, surplus) if any(map(any, surplus)) else y

    @property
    def is_pickable(self) -> bool:
        """Whether `picked` gives the positions wanted."""
        sizes = self.x.shape[1:-1]
        if not self.is_centred:
            return False
        if None in sizes:
            return all(
                high == (size - 1) - (size - 1) // 2 and size % 2
                for (_, high), size in zip(self.pads, self.size, strict=True)
            )
        outs = output_sizes("pooling", sizes, self.size, self.strides, self.pads, self.ones)
        most = [-(-size // stride) for size, stride in zip(sizes, self.strides, strict=True)]  # type: ignore[operator]
        return all(out <= limit for out, limit in zip(outs, most, strict=True))


@raises("max_pool")
def max_pool(r: Raiser, node: Node) -> None:
    """Zeros around x win over nothing where x has no negative elements."""
    window = _Window(r, node)
    if window.word is not None:
        y = window.pool(r, "Max", window.x, window.word)
    elif is_positive(node.inputs[0]):
        y = window.pool(r, "Max", zero_padding(r, window.x, window.pads), "valid")
    elif window.is_pickable:
        y = window.picked(r, "Max")
    else:
        width = ((0, 0), *window.pads, (0, 0))
        x = r.op("pad", window.x, suffix="pad", pad_width=width, named={"constant_values": LOWEST})
        y = window.pool(r, "Max", x, "valid")
    r.bind(node.outputs[0], y, image_order(r, node))


def is_positive(value: Value | None, depth: int = 8) -> bool:
    """Whether a value can be seen to have no negative elements."""
    if not isinstance(value, Result) or not depth:
        return False
    node = value.producer
    if node.op.name in ("sigmoid", "softmax", "hard_sigmoid", "square", "abs", "exp"):
        return True
    if node.op.name == "relu":
        return not node.attrs["negative_slope"]
    if node.op.name in ("max_pool", "avg_pool", "concat", "transpose", "reshape", "add", "maximum"):
        return all(is_positive(operand, depth - 1) for operand in node.inputs)
    return False


@raises("avg_pool")
def avg_pool(r: Raiser, node: Node) -> None:
    """Keras does not count padding: zeros that count are a layer of their own."""
    window = _Window(r, node)
    counts = node.attrs["count_padding"]
    if window.word == "valid" or (window.word is not None and not counts):
        y = window.pool(r, "Average", window.x, window.word)
    elif counts:
        pads = window.pads or explicit_pads(r, window.x, window.given, window.size, window.strides, window.ones)
        y = window.pool(r, "Average", zero_padding(r, window.x, pads), "valid")
    elif window.is_pickable:
        y = window.picked(r, "Average")
    else:
        y = window.pool(r, "Average", zero_padding(r, window.x, window.pads), "valid")
        y = r.op("multiply", y, _shares(r, window), suffix="share")
    r.bind(node.outputs[0], y, image_order(r, node))


def _shares(r: Raiser, window: _Window) -> np.ndarray:
    """The window's size by the number of real positions in it, for each output position and all channels."""
    sizes = window.x.shape[1:-1]
    if None in sizes:
        raise r.refusal("means over real positions alone need sizes that are known; give the model's input_shapes")
    outs = output_sizes("pooling", sizes, window.size, window.strides, window.pads, window.ones)
    share = np.ones((), np.float64)
    for out, size, k, s, (low, _) in zip(outs, sizes, window.size, window.strides, window.pads, strict=True):
        places = np.arange(int(out or 0))[:, None] * s + np.arange(k) - low
        share = np.multiply.outer(share, k / np.sum((places >= 0) & (places < size), axis=1))
    return share[None, ..., None].astype(window.x.dtype)


@raises("adaptive_max_pool", "adaptive_avg_pool")
def adaptive_pool(r: Raiser, node: Node) -> None:
    size = node.attrs["output_size"]
    kind = "Max" if node.op.name == "adaptive_max_pool" else "Average"
    y = r.layer(f"Adaptive{kind}Pooling{len(size)}D", window_input(r, node), output_size=size)
    r.bind(node.outputs[0], y, image_order(r, node))
