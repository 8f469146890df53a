"""A program: what runs for inputs of certain shapes, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import TypeAlias

import numpy as np

from ..ir import Node, TensorType, Variable
from ..ir.types import numpy_name

Key = tuple[str, tuple[tuple[str, int | str], ...]]
"""A kernel: "module.function" and its parameters."""


def kernel(name: str, **parameters: int | str) -> Key:
    return name, tuple(parameters.items())


PARALLEL_WORK = 6000.0
"""Nanoseconds of work from which threads share a step: they wait for each other, and data changes caches."""

PART_WORK = 25_000.0
MAX_PARTS_EACH = 4
"""A shared step has a part for each thread, and more, up to so many, where a part is work of so many nanoseconds:
a thread that is held up then leaves the rest to others."""


@dataclass(eq=False, slots=True)
class Buffer:
    """Memory for one or more values.

    kind: "arena" (in the program's own memory, at `place` once that is planned), "held" (there too, at a known place,
    until the next strip), "input" or "output" (the
    caller's array number `place`; variables follow the inputs), "constant" (`array`), "flag" (a word of the frame that
    a kernel sets to 1 where the operator's meaning raises).
    """

    nbytes: int
    kind: str = "arena"
    place: int = -1
    array: np.ndarray | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """A place in a buffer, `offset` bytes from its beginning."""

    buffer: Buffer
    offset: int = 0

    def __add__(self, nbytes: int) -> Address:
        return Address(self.buffer, self.offset + nbytes)


Argument: TypeAlias = "int | Address | Key | Runs"


@dataclass(eq=False, slots=True)
class Step:
    """One kernel call.

    arguments: numbers, places in buffers, kernels that it calls. reads, writes: for the memory plan. work:
    estimated nanoseconds on one thread. label, node: for people. in_place: the result may be where an operand is,
    but for the pairs (result, operand) of `apart`. is_whole: the work does not divide among threads. most_parts: into
    how many parts for each thread it is divided at most.
    """

    kernel: Key
    arguments: list[Argument]
    reads: list[Buffer]
    writes: list[Buffer]
    work: float
    label: str
    node: Node | None = None
    in_place: bool = False
    is_whole: bool = False
    apart: list[tuple[Buffer, Buffer]] = field(default_factory=list)
    most_parts: int = MAX_PARTS_EACH

    @property
    def is_shared(self) -> bool:
        """Whether several threads do it, where there are several."""
        return self.work >= PARALLEL_WORK and not self.is_whole

    @property
    def parts(self) -> int:
        """Into how many parts for each thread it is divided, where there are several; 0 if it is not."""
        return max(1, min(self.most_parts, int(self.work / PART_WORK))) if self.is_shared else 0


@dataclass(eq=False, slots=True)
class HostStep:
    """A node that runs its NumPy meaning."""

    node: Node
    inputs: list[tuple[Address, TensorType] | None]
    outputs: list[tuple[Address, TensorType]]

    @property
    def reads(self) -> list[Buffer]:
        return [item[0].buffer for item in self.inputs if item is not None]

    @property
    def writes(self) -> list[Buffer]:
        return [address.buffer for address, _ in self.outputs]


@dataclass(eq=False, slots=True)
class Runs:
    """What a step does again and again, each time on the next rows: an argument of "runs.runs".

    programs: of kernel calls alone; each run is one of them, most of them the first. Their inputs and outputs follow
    among the step's arguments.
    """

    programs: list[Program]


@dataclass(eq=False)
class Program:
    """Steps in order, and the memory they use.

    inputs, outputs: the type of each. variables: their memory follows the inputs; updated: those that change.
    arena: bytes of the program's own memory; tensors: the bytes that its tensors would take apart. guards: how many
    steps at the beginning look whether the inputs are right; the others do not run if one has set the flag.
    """

    steps: list[Step | HostStep]
    inputs: list[TensorType]
    outputs: list[TensorType]
    variables: list[Variable]
    updated: list[Variable]
    arena: int = 0
    tensors: int = 0
    guards: int = 0

    def buffers(self) -> Iterator[Buffer]:
        """Every buffer, each once, in order of first use."""
        seen: set[Buffer] = set()
        for step in self.steps:
            repeated = runs_of(step)
            inner = chain.from_iterable(program.buffers() for program in repeated.programs) if repeated else ()
            for buffer in (*step.reads, *step.writes, *inner):
                if buffer not in seen:
                    seen.add(buffer)
                    yield buffer

    @property
    def may_refuse(self) -> bool:
        """Whether a kernel may set the flag that inputs are wrong."""
        places = (place for step in self.steps if isinstance(step, Step) for place in step.arguments)
        return any(isinstance(place, Address) and place.buffer.kind == "flag" for place in places)

    def kernels(self) -> set[Key]:
        """Every kernel that the program calls."""
        steps = [step for step in self.steps if isinstance(step, Step)]
        called = {argument for step in steps for argument in step.arguments if isinstance(argument, tuple)}
        inner = [program.kernels() for repeated in map(runs_of, steps) if repeated for program in repeated.programs]
        return called.union({step.kernel for step in steps}, *inner)


def runs_of(step: Step | HostStep) -> Runs | None:
    """What a step does again and again, if it does."""
    arguments = step.arguments if isinstance(step, Step) else ()
    return next((argument for argument in arguments if isinstance(argument, Runs)), None)


def nbytes(type: TensorType) -> int:
    """Bytes of a tensor of known shape."""
    return int(np.prod(type.shape, dtype=np.int64)) * np.dtype(numpy_name(type.dtype)).itemsize  # type: ignore[arg-type]


def bits(value: float) -> int:
    """A float32 as its bits, for an argument."""
    return int(np.float32(value).view(np.uint32))


def product(sizes: Sequence[object]) -> int:
    """The product of known sizes."""
    total = 1
    for size in sizes:
        assert isinstance(size, int)
        total *= size
    return total
