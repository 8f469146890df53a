"""The table that `Model.summary()` prints."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ir import Variable
from ..ir.types import numpy_name
from ..layers.base import Layer
from ..layers.symbolic import Call
from ..tree import flatten, map_structure
from .functional import Functional
from .model import Model
from .table import render

_CHAIN = (("Layer (type)", 0.45, "left"), ("Output Shape", 0.80, "left"), ("Param #", 1.0, "right"))
_GRAPH = (
    ("Layer (type)", 0.3, "left"),
    ("Output Shape", 0.56, "left"),
    ("Param #", 0.74, "right"),
    ("Connected to", 1.0, "left"),
)

_PLAIN = str.maketrans("┏┳┓┡╇┩├┼┤└┴┘━─┃│└…", "++++++++++++--||+~")


def print_summary(model: Model, print_fn: Callable[[str], Any] | None = None, **options: Any) -> None:
    """Print the summary; `print_fn` is called once, with all lines. See `summary_text` for the options."""
    text = summary_text(model, **options)
    if print_fn is None:
        print(_printable(text, sys.stdout.encoding), end="")
    else:
        print_fn(text)


def summary_text(
    model: Model,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> str:
    """The model's layers, output shapes, numbers of weights and connections as Keras 3 shows them.

    line_length: width of the table, by default what fits the terminal. positions: where the columns
    end, as fractions of it. expand_nested: list the layers of models inside. show_trainable: add a
    column. layer_range: names, or patterns, of the first and the last layer to list.
    Raises ArgumentError for columns that are too narrow, or a range that names no layer.
    Source: keras/src/utils/summary_utils.py.
    """
    connected = None if is_chain(model) else set(model.calls_inside) if isinstance(model, Functional) else set()
    columns = _CHAIN if connected is None else _GRAPH
    headers, ends, aligns = (list(column) for column in zip(*columns, strict=True))
    wanted, ends = 88 if connected is None else 108, list(positions or ends)
    if show_trainable:
        headers, aligns = [*headers, "Trainable"], [*aligns, "center"]
        wanted, ends = wanted + 12, [end * 0.90 for end in ends] + [1.0]
    width = line_length or min(wanted, shutil.get_terminal_size().columns - 4)
    rows = []
    for layer in _in_range(_nodes(model), layer_range):
        rows += _layer_rows(layer, connected, show_trainable, expand_nested, depth=0)
    table = render(headers, rows, _column_widths(ends, width), aligns, width)
    return "\n".join([f'Model: "{model.name}"', table, *_totals(model), ""])


def _nodes(model: Model) -> list[Layer]:
    """The model's layers and the operations between them."""
    return model.operations if isinstance(model, Functional) else model.layers


def is_chain(model: Model) -> bool:
    """Whether every layer has one call, on the output of the layer before."""
    if not isinstance(model, Functional):
        return True
    calls = model.calls_inside
    sources = {tensor.call for call in calls for tensor in call.input_tensors}
    single = all(len(call.input_tensors) <= 1 for call in calls) and len(model.operations) == len(calls)
    return single and len(sources) == len(calls) - 1


def _column_widths(ends: Sequence[float], total: int) -> list[int]:
    widths: list[int] = []
    for end in ends:
        widths.append(int(end * total) - sum(widths))
        if widths[-1] < 4:
            raise ArgumentError(f"summary: a column of width {widths[-1]} is too narrow; pass a larger line_length")
    return widths


def _in_range(layers: list[Layer], names: Sequence[str] | None) -> list[Layer]:
    if names is None:
        return layers
    if len(names) != 2 or not all(isinstance(name, str) for name in names):
        raise ArgumentError(f"summary: layer_range is two names, received {names!r}")
    first, last = ([index for index, layer in enumerate(layers) if re.match(name, layer.name)] for name in names)
    if not first or not last:
        raise ArgumentError(f"summary: layer_range={names!r} matches no layer of {[layer.name for layer in layers]}")
    if first[0] > last[-1]:
        first, last = last, first
    return layers[first[0] : last[-1] + 1]


def _layer_rows(
    layer: Layer, connected: set[Call] | None, show_trainable: bool, expand_nested: bool, depth: int
) -> list[list[str]]:
    indent = "   " * depth + "└ " if depth else ""
    row = [
        f"{indent}{layer.name} ({type(layer).__name__})",
        _output_shape(layer),
        f"{layer.count_params():,}" if layer.built else "0 (unbuilt)",
    ]
    if connected is not None:
        row.append(_connections(layer, connected))
    if show_trainable:
        row.append(("Y" if layer.trainable else "N") if layer.weights else "-")
    rows = [row]
    if expand_nested and isinstance(layer, Model):
        for inner in _nodes(layer):
            rows += _layer_rows(inner, connected, show_trainable, expand_nested, depth + 1)
    return rows


def _output_shape(layer: Layer) -> str:
    if layer.calls:
        shapes = map_structure(lambda tensor: str(tensor.shape), layer.calls[-1].outputs)
    elif layer.build_shape:
        shapes = map_structure(str, [layer.compute_output_shape(layer.build_shape)])
    else:
        return "?"
    leaves = flatten(shapes)
    return leaves[0] if len(leaves) == 1 else str(shapes).replace("'", "")


def _connections(layer: Layer, connected: set[Call]) -> str:
    sources = [tensor for call in layer.calls if call in connected for tensor in call.input_tensors]
    return ", ".join(f"{t.call.layer.name}[{t.call.index}][{t.index}]" for t in sources) or "-"


def _totals(model: Model) -> list[str]:
    trained = [(w.size, _nbytes(w)) for w in model.trainable_weights]
    fixed = [(w.size, _nbytes(w)) for w in model.non_trainable_weights]
    state = model.training_state
    moments = [(a.size, a.nbytes) for a in state.optimizer_weights.values()] if state else []
    lines = [
        _total("Total", trained + fixed + moments),
        _total("Trainable", trained),
        _total("Non-trainable", fixed),
    ]
    return [*lines, _total("Optimizer", moments)] if moments else lines


def _printable(text: str, encoding: str | None) -> str:
    """The text, with plain borders where the terminal's encoding lacks the box characters."""
    try:
        text.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return text.translate(_PLAIN)
    return text


def _total(label: str, weights: Iterable[tuple[int, int]]) -> str:
    counts, sizes = zip(*weights, strict=True) if weights else ((), ())
    return f" {label} params: {sum(counts):,} ({readable_size(sum(sizes))})"


def _nbytes(weight: Variable) -> int:
    width = 2 if weight.dtype == "bfloat16" else np.dtype(numpy_name(weight.dtype)).itemsize
    return weight.size * width


def readable_size(count: float) -> str:
    """A number of bytes as text: `3.86 MB`."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if count < 1024:
            return f"{count:.2f} {unit}"
        count /= 1024
    return f"{count:.2f} PB"
