"""An ONNX graph while it is written: names, constants, nodes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from kcompat.errors import SaveError
from kcompat.ir import Value
from kcompat.ir.types import Dim

from ..versions import AS_INPUT

_QUOTED = re.compile(r"(?:layer|node|operation|model) '([^']*)'")


def onnx_type(dtype: str) -> int:
    """ONNX's number of a dtype; bfloat16, which is computed in float32, is written as float32."""
    if dtype == "string":
        return int(TensorProto.STRING)
    return int(helper.np_dtype_to_tensor_dtype(np.dtype("float32" if dtype == "bfloat16" else dtype)))


def scope_of(origin: str) -> str:
    """ "layer 'conv' (Conv2D) in layer 'block' (Functional)" -> "block/conv"."""
    return "/".join(reversed(_QUOTED.findall(origin)))


class Output:
    """Nodes and initializers in the order in which they were added; equal nodes are added once.

    reversals: results that are another one backwards along an axis -> that one. imports: versions of other domains.
    """

    def __init__(self, opset: int, taken: Sequence[str]) -> None:
        self.opset = opset
        self.scope = ""
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: dict[str, np.ndarray] = {}
        self.reversals: dict[tuple[str, int], str] = {}
        self.imports: dict[str, int] = {}
        self._taken = set(taken)
        self._counts: dict[str, int] = {}
        self._constants: dict[Any, str] = {}
        self._results: dict[Any, tuple[str, ...]] = {}
        self._transposed: dict[str, tuple[str, tuple[int, ...]]] = {}
        self._reshaped: dict[str, tuple[str, list[int]]] = {}

    def has(self, op: str) -> bool:
        """Whether the opset has an operator."""
        return onnx.defs.has(op) and any(
            schema.name == op and schema.since_version <= self.opset and not schema.deprecated and not schema.domain
            for schema in _schemas(op)
        )

    def unique(self, name: str) -> str:
        """A name that is not taken: the wanted one, else with a number."""
        result = name
        while result in self._taken:
            self._counts[name] = self._counts.get(name, 0) + 1
            result = f"{name}_{self._counts[name]}"
        self._taken.add(result)
        return result

    def constant(self, data: Any, dtype: str | None = None, name: str = "") -> str:
        """The name of an initializer with these elements."""
        array = np.asarray(data, None if dtype is None else dtype)
        content = str(array.tolist()).encode() if array.dtype == object else array.tobytes()
        key = (name, array.dtype.str, array.shape, hashlib.blake2b(content).digest())
        if key not in self._constants:
            made = self.unique(name or f"{self.scope}/constant".lstrip("/"))
            self._constants[key] = made
            self.initializers[made] = array
        return self._constants[key]

    def add(self, op: str, *inputs: str, outputs: int | Sequence[bool] = 1, domain: str = "", **attrs: Any) -> Any:
        """Add a node; settings that its version takes as inputs become constants.

        outputs: how many, or which of them are needed. Returns the name of the one, or of all.
        """
        if op == "Transpose":
            inputs, attrs, done = self._joined_transpose(inputs[0], tuple(attrs["perm"]))
            if done:
                return inputs[0]
        target = list(attrs["shape"]) if op == "Reshape" and isinstance(attrs["shape"], list) else None
        if target is not None and not attrs.get("allowzero"):
            inputs, target = self._joined_reshape(inputs[0], target)
            attrs["shape"] = target
        operands = self._with_settings(op, list(inputs), attrs)
        needed = [True] * outputs if isinstance(outputs, int) else list(outputs)
        key = (op, tuple(operands), tuple(needed), repr(sorted(attrs.items())))
        if key not in self._results:
            name = self.unique(f"{self.scope}/{op}".lstrip("/"))
            results = tuple(self._result(name, place) if used else "" for place, used in enumerate(needed))
            attributes = {k: v for k, v in attrs.items() if v is not None}
            last = max(place for place, used in enumerate(needed) if used)
            written = results[: last + 1]
            self.nodes.append(helper.make_node(op, operands, written, name=name, domain=domain, **attributes))
            self._results[key] = results
            if op == "Transpose":
                self._transposed[results[0]] = (operands[0], tuple(attrs["perm"]))
            if target is not None and not attrs.get("allowzero"):
                self._reshaped[results[0]] = (operands[0], target)
        results = self._results[key]
        return results[0] if isinstance(outputs, int) and outputs == 1 else results

    def _result(self, name: str, place: int) -> str:
        return f"{name}:{place}" if place else f"{name}:0"

    def _with_settings(self, op: str, operands: list[str], attrs: dict[str, Any]) -> list[str]:
        for setting, (place, since) in AS_INPUT.get(op, {}).items():
            if self.opset < since or attrs.get(setting) is None:
                continue
            value = attrs.pop(setting)
            operands += [""] * (place + 1 - len(operands))
            operands[place] = value if isinstance(value, str) else self.constant(value, "int64")
        while operands and not operands[-1]:
            operands.pop()
        return operands

    def _joined_transpose(self, x: str, perm: tuple[int, ...]) -> tuple[tuple[str, ...], dict[str, Any], bool]:
        """A transposition of a transposition is one of its source, or nothing."""
        if x in self._transposed:
            x, first = self._transposed[x]
            perm = tuple(first[axis] for axis in perm)
        return (x,), {"perm": perm}, perm == tuple(range(len(perm)))

    def _joined_reshape(self, x: str, target: list[int]) -> tuple[tuple[str, ...], list[int]]:
        """A reshape of a reshape is one of its source; 0 keeps a size."""
        if x not in self._reshaped:
            return (x,), target
        source, first = self._reshaped[x]
        joined = [first[axis] if size == 0 else size for axis, size in enumerate(target)]
        return ((source,), joined) if joined.count(-1) <= 1 and _keeps(first, target) else ((x,), target)

    # --- the end -------------------------------------------------------------------

    def finish(self, outputs: dict[str, str]) -> None:
        """Give results the names of the graph's outputs (output -> result), and drop what nobody needs."""
        renamed: dict[str, str] = {}
        made = {name for node in self.nodes for name in node.output}
        self.scope = ""
        for output, result in outputs.items():
            if result in made and result not in renamed:
                renamed[result] = output
            else:
                node = helper.make_node("Identity", [result], [output], name=self.unique(f"{output}/Identity"))
                self.nodes.append(node)
        for node in self.nodes:
            node.input[:] = [renamed.get(name, name) for name in node.input]
            node.output[:] = [renamed.get(name, name) for name in node.output]
        self._drop_dead(set(outputs))

    def _drop_dead(self, needed: set[str]) -> None:
        kept = []
        for node in reversed(self.nodes):
            if any(name in needed for name in node.output if name):
                needed.update(node.input)
                kept.append(node)
        self.nodes = kept[::-1]
        self.initializers = {name: array for name, array in self.initializers.items() if name in needed}


def _keeps(first: list[int], target: list[int]) -> bool:
    """Whether sizes that a reshape of a reshape keeps are at the place where the first kept them."""
    return all(first[axis] != -1 for axis, size in enumerate(target) if size == 0)


_SCHEMAS: dict[str, list[Any]] = {}


def _schemas(op: str) -> list[Any]:
    if not _SCHEMAS:
        for schema in onnx.defs.get_all_schemas_with_history():
            _SCHEMAS.setdefault(schema.name, []).append(schema)
    return _SCHEMAS.get(op, [])


def value_info(name: str, value: Value, open_names: Sequence[str | None] = ()) -> onnx.ValueInfoProto:
    """A declared tensor; open dimensions have the IR's name, or one of those given."""
    if value.dtype.startswith("complex"):
        raise SaveError(f"'{name}' is {value.type}: ONNX operators do not compute with complex numbers")
    names = [*open_names, *[None] * (value.rank - len(open_names))]
    dims: list[Dim] = [dim if dim is not None else other for dim, other in zip(value.shape, names, strict=True)]
    return helper.make_tensor_value_info(name, onnx_type(value.dtype), dims)
