"""An IR graph -> the nodes of an ONNX graph."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import helper

from kcompat.ir import OPERATORS, Constant, Graph, Node, Value

from ..host import HostCard
from . import operators as operators  # enters the writers
from .call import WRITERS, Call
from .host import host_node
from .output import Output, scope_of, value_info


def graph_proto(
    graph: Graph, name: str, opset: int, outputs: Sequence[str]
) -> tuple[onnx.GraphProto, dict[str, np.ndarray], dict[str, int]]:
    """The graph without its constants, these by name, and the versions of the domains that it imports.

    outputs: what the results are called.
    Open dimensions of inputs that have no name are called after input and axis.
    Raises SaveError naming the layer and the operator that ONNX cannot express.
    """
    output = Output(opset, [*(value.name for value in graph.inputs), *outputs])
    writing = _Writing(output, graph, name)
    for node in graph.nodes:
        writing.write(node)
    output.scope = ""
    output.finish(dict(zip(outputs, map(writing.name, graph.outputs), strict=True)))
    proto = helper.make_graph(
        output.nodes,
        name,
        [value_info(value.name, value, [f"{value.name}_{a}" for a in range(value.rank)]) for value in graph.inputs],
        [value_info(label, value) for label, value in zip(outputs, graph.outputs, strict=True)],
    )
    return proto, output.initializers, {"": opset, **output.imports}


class _Writing:
    def __init__(self, output: Output, graph: Graph, model: str) -> None:
        self.output = output
        self.model = model
        self.names: dict[Value, str] = {value: value.name for value in graph.inputs}
        self.users = graph.users()

    def name(self, value: Value | None) -> str:
        if value is None:
            return ""
        if isinstance(value, Constant):
            return self.output.constant(value.data, name=value.name)
        return self.names[value]

    def write(self, node: Node) -> None:
        self.output.scope = scope_of(node.origin).removeprefix(f"{self.model}/")
        call = Call(self.output, node, self.name, self.users.get(node.outputs[0], ()))
        writer = WRITERS.get(node.op.name)
        if writer is not None:
            results = writer(call)
        elif isinstance(node.op, HostCard):
            results = host_node(call, node.op.node)
        elif node.op.onnx is not None and OPERATORS.get(node.op.name) is node.op:
            results = self.output.add(node.op.onnx, *call.names, **node.attrs)
        else:
            raise call.refusal("there is no operator for it")
        results = results if isinstance(results, tuple) else (results,)
        self.names.update(zip(node.outputs, results, strict=True))
