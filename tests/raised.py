"""Small ONNX graphs, and the layers that they are raised to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kcompat.converters.onnx import model_from_proto
from kcompat.models.graph_model import GraphModel

Node = onnx.NodeProto


def node(op: str, inputs: str, outputs: str, name: str | None = None, **attributes: Any) -> Node:
    """A node whose operands are given as words; "-" is an absent one."""
    given, made = (["" if word == "-" else word for word in words.split()] for words in (inputs, outputs))
    return helper.make_node(op, given, made, name=name or f"{outputs.split()[0]}/{op}", **attributes)


@dataclass(frozen=True, eq=False)
class Case:
    """A graph from x to y, beside other inputs and outputs.

    shape: of x. layers: the kinds of layers behind the inputs, in the model's order. weights: arrays by name, or
    shapes of random ones.
    """

    name: str
    nodes: Sequence[Node]
    shape: tuple[int | str, ...]
    layers: str
    weights: dict[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("y",)
    opset: int = 18
    integers: int = 0
    h5: bool = True

    @cached_property
    def model(self) -> GraphModel:
        rng = np.random.default_rng(0)
        arrays = {
            name: given if isinstance(given, (np.ndarray, np.generic)) else rng.normal(size=given).astype("f4") / 2
            for name, given in self.weights.items()
        }
        dtype = TensorProto.INT64 if self.integers else TensorProto.FLOAT
        graph = helper.make_graph(
            list(self.nodes),
            "g",
            [helper.make_tensor_value_info("x", dtype, self.shape)],
            [onnx.ValueInfoProto(name=name) for name in self.outputs],
            [numpy_helper.from_array(np.asarray(array), name) for name, array in arrays.items()],
        )
        return model_from_proto(helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)]))

    @property
    def x(self) -> np.ndarray:
        rng = np.random.default_rng(1)
        shape = [size if isinstance(size, int) else 2 for size in self.shape]
        if self.integers:
            return rng.integers(0, self.integers, shape)
        return rng.normal(size=shape).astype("f4")


IMAGE = ("N", 4, 9, 8)
