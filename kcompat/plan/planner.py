"""From a graph of known shapes to a program: each node is lowered to steps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np

from ..catalogue import Catalogue
from ..ir import Constant, Graph, Node, Parameter, Value, Variable
from ..ir.types import numpy_name
from .memory import place_buffers
from .parts import Part, graph_of, in_strips, on_rows, parts_of
from .program import (
    MAX_PARTS_EACH,
    Address,
    Argument,
    Buffer,
    HostStep,
    Key,
    Program,
    Runs,
    Step,
    kernel,
    nbytes,
    product,
)
from .strips import STRIP_PARTS, Chain, Form, Strip, graph_of_strip, held_buffers
from .target import Target

Lowering = Callable[["Planner", Node], bool]

LOWERINGS: Catalogue[Lowering] = Catalogue("lowerings")
"""By operator: adds the node's steps and returns True, or returns False if no kernel computes it."""


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    """Enter a function in LOWERINGS."""

    def enter(function: Lowering) -> Lowering:
        for name in names:
            LOWERINGS.enter(name, function)
        return function

    return enter


LARGE = 1 << 16
"""Bytes of a weight from which it is not held both as the model has it and as kernels read it."""


def _let_go(constant: Constant, made: np.ndarray, unmake: Callable[[np.ndarray], np.ndarray] | None) -> None:
    """Hold a large constant in a form alone, if its data can be had back."""
    if unmake is not None and made.nbytes >= LARGE:
        constant.held_as(partial(unmake, made))


class Packs:
    """Weights in the forms that kernels read, made once for all programs of one graph."""

    def __init__(self) -> None:
        self._arrays: dict[tuple[Any, ...], tuple[Constant | tuple[Constant, ...], np.ndarray]] = {}
        self._derived: dict[tuple[Any, ...], tuple[Constant, Constant]] = {}
        self._zeros: dict[int, Constant] = {}
        self._origin = np.zeros(1, np.int64)

    def get(
        self,
        constant: Constant,
        form: tuple[Any, ...],
        make: Callable[[np.ndarray], np.ndarray],
        unmake: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        """The constant in a form; `make` gives it from the constant's data.

        unmake: gives the data back, bit for bit, for those who read the weight later: a large one is then held in
        the form alone.
        """
        key = (id(constant), *form)
        if key not in self._arrays:
            made = make(constant.data)
            self._arrays[key] = (constant, made)
            _let_go(constant, made, unmake)
        return self._arrays[key][1]

    def joined(
        self,
        values: Sequence[Value | None],
        form: tuple[Any, ...],
        make: Callable[[np.ndarray], np.ndarray],
        unmake: Callable[[np.ndarray], np.ndarray] | None = None,
    ) -> np.ndarray:
        """Constants of one shape in a form, one after another in one array, along a first axis of their number."""
        constants = tuple(value for value in values if isinstance(value, Constant))
        key = (*map(id, constants), *form)
        if key not in self._arrays:
            made = np.stack([make(constant.data) for constant in constants])
            self._arrays[key] = (constants, made)
            for constant, own in zip(constants, made, strict=True):
                _let_go(constant, own, unmake)
        return self._arrays[key][1]

    def derived(self, constant: Constant, form: tuple[Any, ...], make: Callable[[np.ndarray], np.ndarray]) -> Constant:
        """A constant made of another: the same one each time."""
        key = (id(constant), *form)
        if key not in self._derived:
            self._derived[key] = (constant, Constant(np.ascontiguousarray(make(constant.data))))
        return self._derived[key][1]

    def zeros(self, count: int) -> Constant:
        """A vector of zeros, for a bias that there is not."""
        return self._zeros.setdefault(count, Constant(np.zeros(count, np.float32)))

    def no_offset(self, planner: Planner) -> Address:
        """The offset of the only segment of a plain product."""
        return planner.constant(self._origin)


class Planner:
    """Collects the steps of one program. A lowering asks it for places and adds steps."""

    def __init__(self, graph: Graph, target: Target, packs: Packs) -> None:
        self.graph, self.target, self.packs = graph, target, packs
        self.steps: list[Step | HostStep] = []
        self.guards: list[Step | HostStep] = []
        self._places: dict[Value, Address] = {}
        self._constants: dict[int, tuple[np.ndarray, Buffer]] = {}
        self._variables: dict[Variable, Buffer] = {}
        self._node: Node | None = None
        self._flag = Buffer(8, "flag")
        self.done: set[Node] = set()
        self._readers: dict[Value | None, list[Node]] = {}
        for number, value in enumerate(graph.inputs):
            self._places[value] = Address(Buffer(nbytes(value.type), "input", number))

    # --- places -----------------------------------------------------------------

    def place(self, value: Value | None) -> Address | int:
        """Where a value is; 0 for an absent operand."""
        if value is None:
            return 0
        if isinstance(value, Constant):
            return self.constant(value.data)
        if isinstance(value, Parameter):
            return Address(self.variable(value.variable))
        if value not in self._places:
            self._places[value] = self.scratch(nbytes(value.type))
        return self._places[value]

    def variable(self, variable: Variable) -> Buffer:
        """A variable's memory."""
        if variable not in self._variables:
            number = len(self.graph.inputs) + len(self._variables)
            self._variables[variable] = Buffer(nbytes(variable.type), "input", number)
        return self._variables[variable]

    def put(self, result: Value, place: Address) -> None:
        """Let a result be at a place."""
        self._places[result] = place

    def alias(self, result: Value, value: Value) -> None:
        """Let a result be where a value is."""
        place = self.place(value)
        assert isinstance(place, Address)
        self.put(result, place)

    def scratch(self, size: int) -> Address:
        """New memory."""
        return Address(Buffer(size))

    def constant(self, array: np.ndarray) -> Address:
        """The place of an array of the graph or of a form of it."""
        if id(array) not in self._constants:
            whole = np.ascontiguousarray(array)
            self._constants[id(array)] = (array, Buffer(whole.nbytes, "constant", array=whole))
        return Address(self._constants[id(array)][1])

    def flag(self) -> Address:
        """The word that a kernel sets to 1 if the inputs are wrong; the meanings then run, and raise."""
        return Address(self._flag)

    # --- steps ------------------------------------------------------------------

    def step(
        self,
        kernel: Key,
        arguments: Sequence[Argument],
        *,
        reads: Sequence[Address | int],
        writes: Sequence[Address | int],
        work: float,
        label: str,
        in_place: bool = False,
        is_whole: bool = False,
        apart: Sequence[tuple[Address | int, Address]] = (),
        most_parts: int = MAX_PARTS_EACH,
    ) -> None:
        """Add a kernel call. in_place: its result may be where an operand of the same size is; apart: results and
        operands of which that is not true. is_whole: one thread does it. most_parts: into how many parts for each
        thread it is divided at most."""
        pairs = [(result.buffer, operand.buffer) for result, operand in apart if isinstance(result, Address)]
        places = _buffers(reads), _buffers(writes)
        step = Step(kernel, list(arguments), *places, work, label, self._node, in_place, is_whole, pairs, most_parts)
        self.steps.append(step)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Let what is added within run before all other steps, which do not run if it sets the flag."""
        steps, self.steps = self.steps, self.guards
        try:
            yield
        finally:
            self.steps = steps

    def host(self, node: Node) -> None:
        """Add a node that runs its NumPy meaning."""
        inputs = []
        for value in node.inputs:
            place = self.place(value)
            inputs.append((place, value.type) if isinstance(place, Address) and value is not None else None)
        outputs = []
        for result in node.outputs:
            place = self.place(result)
            assert isinstance(place, Address)
            outputs.append((place, result.type))
        self.steps.append(HostStep(node, inputs, outputs))

    # --- the whole --------------------------------------------------------------

    def run(self, parts: Iterable[Part], held: int = 0) -> Program:
        """The program. held: bytes at the arena's beginning that are kept from run to run."""
        for part in parts:
            if not self._again_and_again(part):
                self._lower(part.nodes)
        self._node = None
        for number, value in enumerate(self.graph.outputs):
            self._leave(value, Buffer(nbytes(value.type), "output", number))
        self._update()
        steps = [*self.guards, *self.steps]
        arena, tensors = place_buffers(steps, held)
        return Program(
            steps,
            [value.type for value in self.graph.inputs],
            [value.type for value in self.graph.outputs],
            list(self._variables),
            list(self.graph.updates),
            arena,
            tensors,
            len(self.guards),
        )

    def _lower(self, nodes: Sequence[Node]) -> None:
        self._readers = {}
        for node in nodes:
            for value in dict.fromkeys(node.inputs):
                self._readers.setdefault(value, []).append(node)
        for node in nodes:
            self._node = node
            lower = LOWERINGS.get(node.op.name)
            if node not in self.done and (lower is None or not lower(self, node)):
                self.host(node)

    def _again_and_again(self, part: Part) -> bool:
        if part.rows:
            return self._in_runs(part)
        return part.chain is not None and self.in_strips(part.chain, part.chain.height())

    def readers(self, value: Value | None) -> list[Node]:
        """The nodes that read a value, of those that are lowered along with the one at hand. A lowering that adds the
        steps of others too enters them in `done`."""
        return self._readers.get(value, [])

    def _in_runs(self, part: Part) -> bool:
        """Let the nodes of a part work on a few rows at a time; False if they cannot."""
        whole = graph_of(part, self.graph)
        graph = on_rows(whole, part.rows)
        if graph is None:
            return False
        parts = in_strips(graph) if part.rows == 1 else [Part(graph.nodes, 0)]
        program = Planner(graph, self.target, self.packs).run(parts)
        if not _is_repeatable(program):
            return False
        values = [*whole.inputs, *whole.outputs]
        count = product(values[0].shape[:1]) // part.rows
        strides = [nbytes(value.type) // count for value in values]
        table = [[[0, *(run * stride for stride in strides)]] * 2 for run in range(count)]
        self._repeat([program], table, values, len(whole.inputs), f"{count} runs of {part.rows} rows")
        return True

    def in_strips(self, chain: Chain, height: int) -> bool:
        """Let the nodes of a chain work on so many rows of their result at a time; False if they cannot."""
        strips = chain.strips(height)
        held = held_buffers(chain, strips)
        programs: dict[Form, Program] = {}
        for strip in (strip for pair in strips for strip in pair):
            if strip.form not in programs:
                programs[strip.form] = self._strip_program(chain, strip, held)
        if not strips or not all(map(_is_repeatable, programs.values())):
            return False
        uses = Counter(strip.form for _, strip in strips)
        forms = sorted(programs, key=lambda form: -uses[form])
        table = [[[forms.index(strip.form), *chain.offsets(strip)] for strip in pair] for pair in strips]
        values = [*chain.entering(), chain.values[-1]]
        label = f"{len(strips)} strips of {strips[0][0].computed[-1].length} rows"
        self._repeat([programs[form] for form in forms], table, values, len(values) - 1, label, STRIP_PARTS)
        return True

    def _strip_program(self, chain: Chain, strip: Strip, held: dict[int, Buffer]) -> Program:
        """What a chain does for a strip, and last of all what it leaves for the next one."""
        from .lowering.movement import copy_bytes

        part = graph_of_strip(chain, strip, held)
        inner = Planner(part.graph, self.target, self.packs)
        for number, (made, read) in part.held.items():
            place = Address(held[number])
            inner._places[read] = place
            inner._places[made] = place + strip.kept[number] * chain.row_bytes[number]
        inner._lower(part.graph.nodes)
        inner._node = None
        for number in part.held:
            rows, passed = strip.read[number].length, strip.passed[number]
            if 0 < passed < rows:
                place, size = Address(held[number]), chain.row_bytes[number]
                copy_bytes(inner, place, place + (rows - passed) * size, passed * size)
        return inner.run([], sum(buffer.nbytes for buffer in held.values()))

    def _repeat(
        self,
        programs: list[Program],
        table: list[list[list[int]]],
        values: list[Value],
        inputs: int,
        label: str,
        most_parts: int = MAX_PARTS_EACH,
    ) -> None:
        """Add a step of runs. table: for each run, where it is a thread's first and where it is not, which program it
        is and the offset of each value."""
        places = [self.place(value) for value in values]
        usual = [programs[row[1][0]] for row in table]
        self._node = None
        self.step(
            kernel("runs.runs"),
            [len(table), Runs(programs), self.constant(np.array(table, np.int64)), len(values), *places],
            reads=places[:inputs],
            writes=places[inputs:],
            work=sum(step.work for program in usual for step in program.steps if isinstance(step, Step)),
            label=label,
            most_parts=most_parts,
        )

    def _leave(self, value: Value, target: Buffer) -> None:
        """Let an output be in the caller's array."""
        place = self.place(value)
        assert isinstance(place, Address)
        self._leave_at(place, target)

    def _leave_at(self, place: Address, target: Buffer) -> None:
        """Let what is at a place be in a buffer: computed there, or copied."""
        if place.buffer.kind == "arena" and place.offset == 0 and place.buffer.nbytes == target.nbytes:
            place.buffer.kind, place.buffer.place = target.kind, target.place
        else:
            self._copy(place, target)

    def _update(self) -> None:
        """Let variables become what the graph updates them to: computed in place where nothing reads them later.

        Values that are to be copied are all computed before the first variable changes.
        """
        pairs = [(self.place(value), self.variable(variable)) for variable, value in self.graph.updates.items()]
        moved = [
            (place, target) for place, target in pairs if isinstance(place, Address) and place.buffer is not target
        ]
        exchanged = {place.buffer for place, _ in moved if place.buffer.kind == "input"}
        last_read = {buffer: number for number, step in enumerate(self.steps) for buffer in step.reads}
        last_read.update(dict.fromkeys(exchanged, len(self.steps)))
        copies = []
        for place, target in moved:
            first = next((n for n, step in enumerate(self.steps) if place.buffer in step.writes), -1)
            if last_read.get(target, -1) <= first and self._may_overwrite(first, place.buffer, target):
                self._leave_at(place, target)
            else:
                copies.append((self._kept(place, target.nbytes), target))
        for place, target in copies:
            self._copy(place, target)

    def _kept(self, place: Address, size: int) -> Address:
        """A value where the updates do not reach it: a variable's or an input's is copied."""
        if place.buffer.kind != "input":
            return place
        copy = self.scratch(size)
        self._copy(place, copy.buffer)
        return copy

    def _may_overwrite(self, number: int, result: Buffer, operand: Buffer) -> bool:
        """Whether a step's result may be where what it reads is."""
        step = self.steps[number] if number >= 0 else None
        return isinstance(step, Step) and step.in_place and (result, operand) not in step.apart

    def _copy(self, place: Address, target: Buffer) -> None:
        from .lowering.movement import copy_bytes

        copy_bytes(self, Address(target), place, target.nbytes)


def _is_repeatable(program: Program) -> bool:
    """Whether a program is kernel calls alone that take all inputs."""
    return not program.may_refuse and not any(isinstance(step, HostStep) for step in program.steps)


def _buffers(places: Sequence[Address | int]) -> list[Buffer]:
    return [place.buffer for place in places if isinstance(place, Address)]


def plan(graph: Graph, target: Target, packs: Packs) -> Program:
    """The program of a graph whose sizes are all known."""
    from . import lowering as lowering  # says where the lowerings are

    return Planner(graph, target, packs).run(parts_of(graph))


def dtype_of(value: Value) -> np.dtype[Any]:
    return np.dtype(numpy_name(value.dtype))
