"""Loop and Scan: bodies that are programs of their own, run once per step."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kcompat.errors import FormatError, InputError, ResourceError
from kcompat.ir.types import numpy_name

from .spec import GraphSpec, NodeSpec, ValueSpec

MOST_STEPS = 1_000_000
"""Iterations of one loop before a run is refused (a file can ask for any number)."""


def _body(node: NodeSpec) -> GraphSpec:
    body = node.attrs.get("body")
    if not isinstance(body, GraphSpec):
        raise FormatError(f"{node.where}: has no body")
    return body


class _Step:
    """What Loop and Scan share: a body, and the outer values that it reads."""

    def __init__(self, node: NodeSpec, make: Callable[..., Any]) -> None:
        self.node = node
        self.body = _body(node)
        self.program = make(self.body)
        self.captured = self.body.captures() - set(self.program.known)
        self.reads = {name for name in node.inputs if name} | self.captured

    def call(self, env: Mapping[str, Any], arguments: list[Any]) -> list[Any]:
        """The body's outputs for its inputs in order."""
        captured = {name: env[name] for name in self.captured}
        names = [value.name for value in self.body.inputs]
        return self.program.run({**captured, **dict(zip(names, arguments, strict=True))})

    def check(self, inputs: int, outputs: int) -> None:
        if len(self.body.inputs) != inputs or len(self.body.outputs) < outputs:
            raise FormatError(
                f"{self.node.where}: its body has {len(self.body.inputs)} inputs and {len(self.body.outputs)} outputs, "
                f"{inputs} and {outputs} are needed"
            )

    def named(self, results: list[Any]) -> dict[str, Any]:
        return {name: value for name, value in zip(self.node.outputs, results, strict=False) if name}

    def stacked(self, arrays: list[Any], declared: ValueSpec, axis: int = 0) -> np.ndarray:
        """The results of all steps along a new axis."""
        if arrays:
            try:
                return np.stack(arrays, axis=axis)
            except ValueError as error:
                raise InputError(f"{self.node.where}: results of its steps differ in shape: {error}") from None
        shape = [dim if isinstance(dim, int) else 0 for dim in declared.shape or ()]
        shape.insert(axis, 0)
        return np.zeros(shape, numpy_name(declared.dtype or "float32"))


class LoopStep(_Step):
    """Loop: carried values go round until the count is reached or the condition fails."""

    def run(self, env: Mapping[str, Any]) -> dict[str, Any]:
        given = [env[name] if name else None for name in self.node.inputs]
        limit = None if not given or given[0] is None else int(np.reshape(given[0], ()))
        going = True if len(given) < 2 or given[1] is None else bool(np.reshape(given[1], ()))
        carried = given[2:]
        count = len(carried)
        self.check(count + 2, count + 1)
        scans: list[list[Any]] = [[] for _ in self.body.outputs[count + 1 :]]
        step = 0
        while going and (limit is None or step < limit):
            if step >= MOST_STEPS:
                raise ResourceError(f"{self.node.where}: more than {MOST_STEPS} iterations")
            condition, *results = self.call(env, [np.asarray(step, np.int64), np.asarray(going), *carried])
            going, carried = bool(np.reshape(condition, ())), results[:count]
            for scan, value in zip(scans, results[count:], strict=True):
                scan.append(value)
            step += 1
        stacks = [self.stacked(s, v) for s, v in zip(scans, self.body.outputs[count + 1 :], strict=True)]
        return self.named([*carried, *stacks])


class ScanStep(_Step):
    """Scan: states go along axes of the scanned inputs; opset 8 does so for each sample of a batch."""

    def run(self, env: Mapping[str, Any]) -> dict[str, Any]:
        given = [env[name] if name else None for name in self.node.inputs]
        if self.node.version >= 9:
            return self.named(self._scan(env, given))
        lengths: Any = given[0]
        values: list[Any] = given[1:]
        batch = len(values[0])
        rows = []
        for sample in range(batch):
            own = [value[sample] for value in values]
            if lengths is not None:
                count = len(own) - int(self.node.attrs["num_scan_inputs"])
                own = [*own[:count], *(value[: int(lengths[sample])] for value in own[count:])]
            rows.append(self._scan(env, own))
        return self.named([np.stack(column) for column in zip(*rows, strict=True)])

    def _scan(self, env: Mapping[str, Any], given: list[Any]) -> list[Any]:
        scanned = int(self.node.attrs["num_scan_inputs"])
        states, inputs = given[: len(given) - scanned], given[len(given) - scanned :]
        self.check(len(given), len(states))
        declared = self.body.outputs[len(states) :]
        steps = self._steps(inputs)
        scans: list[list[Any]] = [[] for _ in declared]
        for slices in zip(*steps, strict=True):
            results = self.call(env, [*states, *slices])
            states = results[: len(states)]
            for scan, value in zip(scans, results[len(states) :], strict=True):
                scan.append(value)
        axes = self._attribute("scan_output_axes", len(scans))
        backwards = self._attribute("scan_output_directions", len(scans))
        stacks = [
            self._output(scan[::-1] if back else scan, value, axis)
            for scan, value, axis, back in zip(scans, declared, axes, backwards, strict=True)
        ]
        return [*states, *stacks]

    def _steps(self, inputs: list[Any]) -> list[list[np.ndarray]]:
        axes = self._attribute("scan_input_axes", len(inputs))
        key = "scan_input_directions" if self.node.version >= 9 else "directions"
        backwards = self._attribute(key, len(inputs))
        steps = []
        for value, axis, back in zip(inputs, axes, backwards, strict=True):
            slices = list(np.moveaxis(value, axis, 0))
            steps.append(slices[::-1] if back else slices)
        if len({len(slices) for slices in steps}) > 1:
            raise InputError(f"{self.node.where}: scanned inputs have {[len(slices) for slices in steps]} steps")
        return steps

    def _attribute(self, name: str, count: int) -> list[int]:
        values = list(self.node.attrs.get(name, [0] * count))
        if len(values) != count:
            raise FormatError(f"{self.node.where}: {name} lists {len(values)} numbers, {count} are needed")
        return values

    def _output(self, arrays: list[Any], declared: ValueSpec, axis: int) -> np.ndarray:
        rank = (arrays[0].ndim if arrays else len(declared.shape or ())) + 1
        return self.stacked(arrays, declared, axis % rank)


class SequenceMapStep(_Step):
    """SequenceMap: the body for each element of sequences, beside tensors that stay the same."""

    def run(self, env: Mapping[str, Any]) -> dict[str, Any]:
        first, *others = (env[name] for name in self.node.inputs)
        self.check(len(others) + 1, len(self.node.outputs))
        results = [
            self.call(env, [item, *(o[index] if isinstance(o, list) else o for o in others)])
            for index, item in enumerate(first)
        ]
        columns = (
            [list(column) for column in zip(*results, strict=True)] if results else [[] for _ in self.body.outputs]
        )
        return self.named(columns)


class OptionalStep:
    """Optional, OptionalHasElement, OptionalGetElement: an absent value is None."""

    def __init__(self, node: NodeSpec, make: Callable[..., Any]) -> None:
        self.node = node
        self.reads = node.reads()

    def run(self, env: Mapping[str, Any]) -> dict[str, Any]:
        value = env[self.node.inputs[0]] if self.node.inputs and self.node.inputs[0] else None
        if self.node.op == "OptionalHasElement":
            value = np.asarray(value is not None)
        elif self.node.op == "OptionalGetElement" and value is None:
            raise InputError(f"{self.node.where}: its optional is empty")
        return {self.node.outputs[0]: value}


STEPS: dict[tuple[str, str], Callable[..., Any]] = {
    ("", "Loop"): LoopStep,
    ("", "Scan"): ScanStep,
    ("", "SequenceMap"): SequenceMapStep,
    ("", "Optional"): OptionalStep,
    ("", "OptionalHasElement"): OptionalStep,
    ("", "OptionalGetElement"): OptionalStep,
}
"""Operators that the host runs without onnx.reference."""
