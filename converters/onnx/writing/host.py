"""Operators that no card has, read from one ONNX file and written into another."""

from __future__ import annotations

import onnx

from ..host import proto_of
from ..spec import NodeSpec
from .call import Call


def host_node(w: Call, spec: NodeSpec) -> tuple[str, ...]:
    """The node as it was read, if the version to write has the operator unchanged."""
    since = onnx.defs.get_schema(spec.op, spec.version, spec.domain).since_version
    if spec.domain:
        w.output.imports[spec.domain] = spec.version
    else:
        w.require_opset(since, f"{spec.op} as the model has it")
        if onnx.defs.get_schema(spec.op, w.opset).since_version != since:
            raise w.refusal(f"{spec.op} was read from opset {spec.version} and has changed until opset {w.opset}")
    proto = proto_of(spec)
    attributes = {item.name: onnx.helper.get_attribute_value(item) for item in proto.attribute}
    used = [bool(name) for name in spec.outputs]
    results = w.add(spec.op, *w.names, outputs=used, domain=spec.domain, **attributes)
    return tuple(name for name in results if name)
