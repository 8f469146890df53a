"""A model -> an ONNX file."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

import kcompat
from kcompat.errors import ArgumentError, SaveError
from kcompat.ir import Graph
from kcompat.models import Model
from kcompat.models.graph_model import GraphModel
from kcompat.passes.absorb_transposes import absorb_transposes
from kcompat.passes.fold_batch_norm import fold_batch_norm as batch_norm_folded
from kcompat.passes.layout import with_layout
from kcompat.passes.remove_dead import remove_dead

from . import expansions as expansions  # enters them
from .call import NeedsOpset
from .expansion import expanded
from .files import checked, with_shapes, write_model
from .freeze import folded, frozen
from .graph import graph_proto
from .verbatim import verbatim

DEFAULT_OPSET = 17
"""The first with LayerNormalization; every runtime since the middle of 2022 reads it."""
OLDEST_OPSET = 17


def save_model(
    model: Model,
    path: Any,
    *,
    opset: int | None = None,
    inputs_as_nchw: bool | Collection[str] = False,
    fold_batch_norm: bool = False,
    origin: str | None = None,
) -> None:
    """Write a model as ONNX; weights that together exceed 2 GB go into a file beside it, `<name>.data`.

    Arguments as for `model_proto`. An existing file is replaced only when the new one is complete.
    Raises SaveError naming the layer and operator that ONNX cannot express.
    """
    proto, weights = _described(model, opset, inputs_as_nchw, fold_batch_norm, origin)
    write_model(proto, weights, path)


def model_proto(
    model: Model,
    *,
    opset: int | None = None,
    inputs_as_nchw: bool | Collection[str] = False,
    fold_batch_norm: bool = False,
    origin: str | None = None,
) -> onnx.ModelProto:
    """A model as ONNX, checked, with the shapes of all values.

    opset: 17 to the newest that the installed onnx knows; by default 17, or the first that has what the model needs.
    inputs_as_nchw: images enter and leave with their channels first: all inputs and outputs with four axes or more,
    or those named. fold_batch_norm: batch normalisation becomes part of the convolution or product before it.
    origin: a note, for the file's metadata, of what it was made from.
    Inputs and outputs have the model's names, the batch is open. A model that was read from ONNX and whose shapes
    depend on elements, or which has control flow, is written as it was read. Raises ArgumentError or SaveError.
    """
    proto, weights = _described(model, opset, inputs_as_nchw, fold_batch_norm, origin)
    return checked(proto, weights)


def _described(
    model: Model, opset: int | None, inputs_as_nchw: bool | Collection[str], fold_batch_norm: bool, origin: str | None
) -> tuple[onnx.ModelProto, Mapping[str, np.ndarray]]:
    """The model without its weights, and these by name; without an opset, in the first from the default on that can."""
    try:
        return _described_in(model, _checked_opset(opset), inputs_as_nchw, fold_batch_norm, origin)
    except NeedsOpset as need:
        if opset is not None:
            raise
        return _described(model, need.opset, inputs_as_nchw, fold_batch_norm, origin)


def _described_in(
    model: Model, opset: int, inputs_as_nchw: bool | Collection[str], fold_batch_norm: bool, origin: str | None
) -> tuple[onnx.ModelProto, Mapping[str, np.ndarray]]:
    if isinstance(model, GraphModel) and model.program.graph() is None:
        if inputs_as_nchw or fold_batch_norm:
            raise SaveError(f"model '{model.name}' is written as it was read: its layout and its nodes cannot change")
        proto, weights = verbatim(model, opset)
        return with_shapes(_signed(proto, origin), weights), weights
    graph = expanded(frozen(_graph(model)))
    if fold_batch_norm:
        graph = remove_dead(batch_norm_folded(graph, keep_others=True))
    outputs = _output_names(model, graph)
    moved = _moved(inputs_as_nchw, [*(value.name for value in graph.inputs), *outputs])
    turned = with_layout(
        graph,
        "channels_first",
        inputs=[value for value in graph.inputs if value.rank >= 4 and value.name in moved],
        outputs=[p for p, value in enumerate(graph.outputs) if value.rank >= 4 and outputs[p] in moved],
    )
    content, weights, imports = graph_proto(folded(absorb_transposes(turned)), model.name, opset, outputs)
    proto = helper.make_model(
        content,
        opset_imports=[helper.make_opsetid(*item) for item in imports.items()],
    )
    return with_shapes(_signed(proto, origin), weights), weights


def _signed(proto: onnx.ModelProto, origin: str | None) -> onnx.ModelProto:
    """The model with the oldest version of the format that has its opsets, and a note of who made it, and of what."""
    proto.producer_name, proto.producer_version = "kcompat", kcompat.__version__
    proto.ir_version = helper.find_min_ir_version_for(list(proto.opset_import))
    if origin is not None:
        helper.set_model_props(proto, {"origin": origin})
    return proto


def _checked_opset(opset: int | None) -> int:
    newest = onnx.defs.onnx_opset_version()
    if opset is None:
        return DEFAULT_OPSET
    if not OLDEST_OPSET <= opset <= newest:
        raise ArgumentError(f"opset must be {OLDEST_OPSET} to {newest}, received {opset}")
    return opset


def _graph(model: Model) -> Graph:
    graph = model.graph()
    if graph.updates:
        paths = ", ".join(variable.path for variable in graph.updates)
        raise SaveError(
            f"model '{model.name}' keeps states from one call to the next ({paths}), an ONNX model keeps none: "
            "export it with stateful=False"
        )
    return graph


def _output_names(model: Model, graph: Graph) -> list[str]:
    """The model's names of its outputs, with a number where one is taken."""
    taken = {value.name for value in graph.inputs}
    names = []
    for name in model.output_names:
        candidates = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(1)))
        names.append(next(candidate for candidate in candidates if candidate not in taken))
        taken.add(names[-1])
    return names


def _moved(inputs_as_nchw: bool | Collection[str], names: Sequence[str]) -> Collection[str]:
    if isinstance(inputs_as_nchw, bool):
        return names if inputs_as_nchw else ()
    unknown = [name for name in inputs_as_nchw if name not in names]
    if unknown or isinstance(inputs_as_nchw, str):
        raise ArgumentError(f"inputs_as_nchw names {inputs_as_nchw!r}; the inputs and outputs are {', '.join(names)}")
    return inputs_as_nchw
