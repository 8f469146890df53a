"""A model read from ONNX -> a functional Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kcompat.errors import SaveError
from kcompat.ir import Constant, Value
from kcompat.layers import Input
from kcompat.layers.symbolic import KerasTensor, public_shape
from kcompat.models import Functional
from kcompat.models.graph_model import GraphModel

from . import (
    activations,
    attention,
    dense,
    elementwise,
    movement,
    normal,
    packing,
    pooling,
    recurrent,
    reductions,
    resampling,
    reshaping,
    tensorflow,
    views,
    windows,
)
from .canonical import Rewriter
from .images import images_of
from .names import LayerNames, sanitised
from .opening import Shapes, graph_of
from .raiser import Order, Raiser, channels_last

HANDLED_BY = (
    activations,
    attention,
    dense,
    elementwise,
    movement,
    normal,
    packing,
    pooling,
    recurrent,
    reductions,
    resampling,
    reshaping,
    tensorflow,
    views,
    windows,
)
"""The files that enter handlers."""


@dataclass(frozen=True)
class Raising:
    """A Keras model made of an ONNX graph, and how its interface differs from the graph's.

    inputs, outputs: for each, in the graph's order, the order of its axes: axis j of the Keras model's array is
    axis order[j] of the ONNX model's.
    """

    model: Functional
    inputs: tuple[Order, ...]
    outputs: tuple[Order, ...]

    def keras_inputs(self, arrays: Sequence[Any]) -> list[np.ndarray]:
        """Inputs of the ONNX model as the Keras model takes them."""
        return [np.transpose(array, order) for array, order in zip(arrays, self.inputs, strict=True)]

    def onnx_outputs(self, arrays: Sequence[Any]) -> list[np.ndarray]:
        """Outputs of the Keras model as the ONNX model gives them."""
        pairs = zip(arrays, self.outputs, strict=True)
        return [np.transpose(array, np.argsort(order)) if order else np.asarray(array) for array, order in pairs]


def to_keras(
    model: GraphModel,
    *,
    channels_first_interface: bool = False,
    input_shapes: Shapes | None = None,
    name: str | None = None,
) -> Functional:
    """The graph of an ONNX model as layers of Keras, with its weights.

    Layers have their channels last. So have the inputs and outputs of the result where the graph works on them as
    on images: what is (batch, channels, height, width) in ONNX is (batch, height, width, channels) in Keras, and
    likewise with one or three spatial axes. With channels_first_interface=True they stay as in ONNX, by a Permute
    layer at each. Inputs keep their names and their order; layers are named after nodes. input_shapes: shapes of
    inputs as ONNX has them, None for open sizes, in place of those that the file declares.

    What no layer does becomes operations of `keras.ops`, which `.keras` files hold and `.h5` files do not. Weights
    that are shared between nodes are copied to each layer. Raises SaveError naming the node that has no form in
    Keras, and ArgumentError where shapes depend on more than the inputs' shapes.
    """
    options = {"channels_first_interface": channels_first_interface, "input_shapes": input_shapes, "name": name}
    return raise_model(model, **options).model  # type: ignore[arg-type]


def raise_model(
    model: GraphModel,
    *,
    channels_first_interface: bool = False,
    input_shapes: Shapes | None = None,
    name: str | None = None,
) -> Raising:
    """The same, with the order of the axes of inputs and outputs."""
    rewriter = Rewriter(graph_of(model, input_shapes))
    graph = rewriter.run()
    taken = [sanitised(value.name) for value in graph.inputs]
    r = Raiser(graph, rewriter.learned, LayerNames(graph.nodes, taken))
    images = set() if channels_first_interface else images_of(graph)
    tensors, orders = _enter(r, images)
    r.run()
    outputs, output_orders = _leave(r, images)
    inner = Functional(
        tensors[0] if len(tensors) == 1 else tensors,
        outputs[0] if len(outputs) == 1 else outputs,
        name=sanitised(name or model.name),
    )
    return Raising(inner, orders, output_orders)


def _enter(r: Raiser, images: set[Value]) -> tuple[list[KerasTensor], tuple[Order, ...]]:
    """An Input for each input of the graph."""
    tensors, orders = [], []
    batches = {value.shape[0] for value in r.graph.inputs if value.shape and isinstance(value.shape[0], int)}
    if len(batches) > 1:
        raise SaveError(f"inputs have first axes of sizes {sorted(batches)}; those of Keras models are one batch")
    for value in r.graph.inputs:
        order = channels_last(value.rank) if value in images else tuple(range(value.rank))
        shape = public_shape(value.type)
        if not shape:
            raise SaveError(f"input '{value.name}' has no axes; inputs of Keras models have a batch axis")
        tensor = Input(batch_shape=[shape[axis] for axis in order], dtype=value.dtype, name=sanitised(value.name))
        r.bind(value, tensor, order)
        tensors.append(tensor)
        orders.append(order)
    if not tensors:
        raise SaveError("the graph has no inputs; Keras models have some")
    return tensors, tuple(orders)


def _leave(r: Raiser, images: set[Value]) -> tuple[list[KerasTensor], tuple[Order, ...]]:
    tensors, orders = [], []
    r.node = None
    for value in r.graph.outputs:
        if isinstance(value, Constant):
            raise SaveError(f"an output of type {value.type} depends on no input; outputs of Keras models do")
        held = r.held(value)
        order = held.order if value in images else tuple(range(value.rank))
        tensor = r.tensor(value, order)
        tensors.append(r.layer("Identity", tensor, suffix="output") if tensor.call.is_input else tensor)
        orders.append(order)
    return tensors, tuple(orders)
