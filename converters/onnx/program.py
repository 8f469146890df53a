"""Runs an ONNX graph: lowers it for the shapes it meets, keeps what it lowered, and runs that.

A graph whose shapes follow from those of its inputs becomes one IR graph. Where they depend on elements, or
where a node is control flow or no operator on tensors, the graph is cut: what is before the cut runs, and what
follows is lowered for what came out. Everything is kept, by the types (and the elements that decided something)
for which it was made.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kcompat.errors import KcompatError, LoadError
from kcompat.executor import Executor, QuickCall
from kcompat.ir import Graph, Value, Variable
from kcompat.ir.types import DTYPES, TensorType, type_of

from .call import NeedsShape
from .control import STEPS
from .host import HOST_PREFIX, HostOperator, check_size
from .lowering import OPAQUE, Known, Lowering, Opaque, Stretch, known_of
from .spec import GraphSpec, NodeSpec

KEPT_VARIANTS = 64
"""How many variants of one stretch are kept for different types, the most recent ones."""


@dataclass
class Stage:
    """A lowered stretch, ready to run, and what follows it.

    writes: the names that its outputs are given. step: what the host then runs. needed: the names that must be
    there for what follows.
    """

    executor: Executor
    reads: list[str]
    writes: list[str]
    known: dict[str, Known]
    rest: tuple[NodeSpec, ...]
    step: Any
    demanded: str | None
    needed: frozenset[str]
    observed: list[tuple[Variable, int]]
    next: OrderedDict[Any, Stage] = field(default_factory=OrderedDict)

    @property
    def is_current(self) -> bool:
        """Whether the weights whose elements decided something are still the same."""
        return all(variable.version == version for variable, version in self.observed)

    @property
    def is_last(self) -> bool:
        """Whether nothing follows."""
        return self.step is None and self.demanded is None


class Program:
    """A graph, or the body of a loop, that takes and gives values by name.

    known: what names stand for beside the inputs; arrays of a dtype that the IR lacks are held for the host.
    """

    def __init__(self, graph: GraphSpec, known: Mapping[str, Known]) -> None:
        self.spec = graph
        self.held = {name: value for name, value in known.items() if isinstance(value, np.ndarray) and not _type(value)}
        self.known = {**known, **dict.fromkeys(self.held, OPAQUE)}
        self.outputs = [value.name for value in graph.outputs]
        self._first: OrderedDict[Any, Stage] = OrderedDict()
        self._open: Stage | None = None
        self._open_tried = False

    def run(self, values: Mapping[str, Any]) -> list[Any]:
        """The outputs for inputs (and, for a body, captured values) by name."""
        env = {**self.held, **values}
        stage = self._entry(env)
        while True:
            arrays = stage.executor([env[name] for name in stage.reads])
            made = dict(zip(stage.writes, arrays, strict=True))
            env = {name: value for name, value in env.items() if name in stage.needed} | made
            if stage.step is not None:
                env.update(stage.step.run(env))
            elif stage.is_last:
                return [env[name] for name in self.outputs]
            stage = self._following(stage, env)

    def graph(self) -> Graph | None:
        """The whole as one IR graph with open dimensions, where shapes do not depend on anything else.

        Its inputs and outputs are the model's, in their order.
        """
        self._try_open()
        return self._declared(self._open) if self._open else None

    def quick_calls(self) -> Mapping[Any, QuickCall]:
        """By the shapes of all inputs: what answers without the Python of a call, if the whole is one graph."""
        stages = [self._open] if self._open else self._first.values()
        inputs = [value.name for value in self.spec.inputs]
        whole = [stage for stage in stages if stage.is_last and (stage.reads, stage.writes) == (inputs, self.outputs)]
        return {shapes: call for stage in whole for shapes, call in stage.executor.quick_calls.items()}

    def whole(self) -> tuple[Executor, list[str], list[str]] | None:
        """What runs all of it, and the names of its inputs and outputs; None if there is more than one graph."""
        self._try_open()
        stage = self._open
        if stage is None and len(self._first) == 1:
            (stage,) = self._first.values()
        return (stage.executor, stage.reads, stage.writes) if stage is not None and stage.is_last else None

    def beginning(self, batch: int) -> tuple[Executor, str]:
        """What runs first for inputs of `batch` rows, and what follows it ("" for nothing). Other open sizes are 1."""
        types: dict[str, TensorType | None] = {}
        for value in self.spec.inputs:
            sizes = [
                dim if isinstance(dim, int) else 1 if axis else batch for axis, dim in enumerate(value.shape or ())
            ]
            types[value.name] = None if value.dtype is None else TensorType(value.dtype, tuple(sizes))
        stage = self._kept(self._first, _key(types), lambda: self._lower(types, self.known, self.spec.nodes))
        if stage.step is not None:
            return (
                stage.executor,
                f"then the host runs {stage.step.node.where}; what follows is planned for its results",
            )
        if stage.demanded is not None:
            return (
                stage.executor,
                f"what follows depends on the elements of '{stage.demanded}', and is planned for them",
            )
        return stage.executor, ""

    def _declared(self, stage: Stage) -> Graph:
        """A stage's graph with all declared inputs, read or not, and outputs in the order of the file."""
        graph = stage.executor.graph
        values: dict[str, Value] = dict(zip(stage.reads, graph.inputs, strict=True))
        for value in self.spec.inputs:
            if value.name not in values and value.dtype is not None:
                values[value.name] = Value(TensorType(value.dtype, value.shape or ()), value.name)
        inputs = [values[value.name] for value in self.spec.inputs if value.name in values]
        values |= zip(stage.writes, graph.outputs, strict=True)
        return Graph(inputs, [values[name] for name in self.outputs], graph.nodes)

    def host_operators(self) -> set[str]:
        """The operators that the host has run so far, and those that it would run in the graphs made so far."""
        found: set[str] = set()
        stages = [*self._first.values(), *([self._open] if self._open else [])]
        while stages:
            stage = stages.pop()
            stages += stage.next.values()
            nodes = stage.executor.graph.nodes
            found |= {node.op.name.removeprefix(HOST_PREFIX) for node in nodes if node.op.name.startswith(HOST_PREFIX)}
            found |= {stage.step.node.op} if stage.step else set()
            body = getattr(stage.step, "program", None)
            found |= body.host_operators() if body else set()
        return found

    # --- lowering ------------------------------------------------------------------

    def _entry(self, env: Mapping[str, Any]) -> Stage:
        if not self._open_tried or (self._open and not self._open.is_current):
            self._try_open(again=True)
        if self._open is not None:
            return self._open
        types = self._types(env, list(env))
        return self._kept(self._first, _key(types), lambda: self._lower(types, self.known, self.spec.nodes))

    def _try_open(self, again: bool = False) -> None:
        """Lower with the declared types; NeedsShape is no error, only a reason to wait for real shapes."""
        if self._open_tried and not again:
            return
        self._open_tried, self._open = True, None
        types: dict[str, TensorType | None] = {}
        for value in self.spec.inputs:
            if value.shape is None and value.dtype is not None:
                return
            types[value.name] = None if value.dtype is None else TensorType(value.dtype, value.shape or ())
        if self.spec.captures() - set(self.known):
            return
        try:
            stage = self._lower(types, self.known, self.spec.nodes, symbolic=True)
        except NeedsShape:
            return
        self._open = stage

    def _following(self, stage: Stage, env: Mapping[str, Any]) -> Stage:
        known = dict(stage.known)
        names = [name for name in env if name not in known]
        if stage.demanded is not None:
            data = np.asarray(env[stage.demanded])
            known[stage.demanded] = data
            key: Any = (data.dtype.str, data.shape, data.tobytes() if data.dtype != object else str(data.tolist()))
        else:
            key = None
        types = self._types(env, names)
        return self._kept(stage.next, (key, _key(types)), lambda: self._lower(types, known, stage.rest))

    def _types(self, env: Mapping[str, Any], names: Iterable[str]) -> dict[str, TensorType | None]:
        return {name: _type(env[name]) for name in names}

    def _kept(self, table: OrderedDict[Any, Stage], key: Any, make: Any) -> Stage:
        stage = table.get(key)
        if stage is None or not stage.is_current:
            stage = table[key] = make()
        table.move_to_end(key)
        while len(table) > KEPT_VARIANTS:
            table.popitem(last=False)
        return stage

    def _lower(
        self,
        types: Mapping[str, TensorType | None],
        known: Mapping[str, Known],
        nodes: Sequence[NodeSpec],
        symbolic: bool = False,
    ) -> Stage:
        lowering = Lowering(types, known, symbolic)
        stretch = lowering.run(nodes)
        asked = stretch.stop is not None and stretch.demanded is None
        step = self._step(stretch.stop) if asked else None  # type: ignore[arg-type]
        later = set(self.outputs) if symbolic or stretch.stop is None else {*self.outputs, *_reads(stretch.rest)}
        now = set(step.reads) if step else {stretch.demanded} if stretch.demanded else set()
        for name in self.outputs if stretch.stop is None else ():
            lowering.value(name)
        writes = _ordered(self._writes(stretch, lowering, later, now), self.outputs)
        stretch.reads.sort(key=list(types).index)
        stretch.builder.inputs.sort(key=lambda value: list(types).index(value.name))
        outputs = [stretch.values[name] for name in writes]
        graph = stretch.builder.build(outputs)  # type: ignore[arg-type]
        return Stage(
            Executor(graph),
            stretch.reads,
            writes,
            {**known, **_known(stretch)},
            stretch.rest,
            step,
            stretch.demanded,
            frozenset(later | now),
            stretch.observed,
        )

    def _writes(self, stretch: Stretch, lowering: Lowering, later: set[str], now: set[str]) -> list[str]:
        """The names to compute: what follows needs them, and they are neither inputs nor known from the start."""
        at_once = now | (set(self.outputs) if stretch.stop is None else set())
        for name in at_once:
            if name in lowering.known:
                lowering.value(name)
        return [
            name
            for name, value in stretch.values.items()
            if not isinstance(value, Opaque)
            and name not in stretch.reads
            and (name in at_once or (name in later and known_of(value) is None))
        ]

    def _step(self, node: NodeSpec) -> Any:
        own = STEPS.get((node.domain, node.op))
        return own(node, self._inner) if own else HostStep(node)

    def _inner(self, body: GraphSpec) -> Program:
        """What runs a body: the weights that it reads around it are weights in it too."""
        weights = {name: self.known[name] for name in body.captures() if isinstance(self.known.get(name), Variable)}
        return Program(body, {**weights, **body.initializers})


class HostStep:
    """One node that the host runs between two graphs."""

    def __init__(self, node: NodeSpec) -> None:
        self.node = node
        self.reads = node.reads()
        self.operator = HostOperator(node)

    def run(self, env: Mapping[str, Any]) -> dict[str, Any]:
        try:
            results = self.operator([env[name] if name else None for name in self.node.inputs])
        except KcompatError as error:
            raise type(error)(f"{self.node.where}: {error}") from error
        if len(results) < len(self.node.outputs):
            raise LoadError(f"{self.node.where}: has {len(results)} outputs, {len(self.node.outputs)} are named")
        named = zip(self.node.outputs, results, strict=False)
        return {name: check_size(_as_value(result), self.node) for name, result in named if name}


def _ordered(names: Iterable[str], first: Sequence[str]) -> list[str]:
    """Names in the order of others, and behind them those that are not among these."""
    places = {name: place for place, name in enumerate(dict.fromkeys(first))}
    return sorted(names, key=lambda name: places.get(name, len(places)))


def _as_value(result: Any) -> Any:
    return np.asarray(result) if isinstance(result, np.generic) else result


def _known(stretch: Stretch) -> dict[str, Known]:
    found = {name: known_of(value) for name, value in stretch.values.items() if not isinstance(value, Opaque)}
    return {name: value for name, value in found.items() if value is not None}


def _reads(nodes: Iterable[NodeSpec]) -> set[str]:
    return {name for node in nodes for name in node.reads()}


def _type(value: Any) -> TensorType | None:
    if not isinstance(value, np.ndarray) or (value.dtype.kind not in "OUS" and value.dtype.name not in DTYPES):
        return None
    return None if value.dtype.name == "bfloat16" else type_of(value)


def _key(types: Mapping[str, TensorType | None]) -> Any:
    return tuple(sorted((name, None if type is None else (type.dtype, type.shape)) for name, type in types.items()))
