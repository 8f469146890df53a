"""Plans a graph for the shapes it meets, and runs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..ir import Graph, Variable
from ..ir.types import Shape, numpy_name
from ..passes.freeze import is_changing
from ..passes.known_sizes import reads_sizes
from ..passes.pipelines import SPECIALIZED, optimize
from ..passes.specialize import specialize
from ..plan import Packs, Target, plan
from ..plan.program import Program, Step
from ..reference import evaluate
from .exactness import is_exact
from .frame import Frame, Kernel
from .quick import QuickCall
from .team import team

_QUICK = ("walk.quick_call", ())
_CALL, _SERVE = ("walk.call", ()), ("teamwork.serve", ())


class Executor:
    """A graph ready to run. Safe to call from several threads, unless it updates variables.

    exact: no kernel whose arithmetic is not the operators' own (Winograd convolution); None: as `set_exact` says.
    """

    def __init__(self, graph: Graph, *, exact: bool | None = None, lanes: int | None = None) -> None:
        self.graph = graph
        self._asked_exact, self._lanes = exact, lanes
        self._is_exact = self._wants_exact()
        self._lock = threading.Lock()
        self._changes = -1
        self._versions: list[tuple[Variable, int]] = []
        self._optimized: Graph | None = None
        self._packs = Packs()
        self._bound: dict[tuple[Shape, ...], Bound | None] = {}
        self.quick_calls: dict[tuple[Shape, ...], QuickCall] = {}

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The outputs for arrays in the order and of the types of the graph's inputs.

        Raises ShapeError, ResourceError or InputError naming the node's origin.
        """
        if Variable.changes != self._changes:
            self._renew()
        shapes = tuple([array.shape for array in arrays])
        try:
            bound = self._bound[shapes]
        except KeyError:
            bound = self._bind(shapes)
        outputs = None if bound is None else bound.run(arrays)
        return evaluate(self.graph, arrays) if outputs is None else outputs

    def program(self, shapes: Sequence[Shape]) -> Program | None:
        """What runs for inputs of these shapes; None if the graph runs as a whole on its NumPy meanings."""
        graph = self.optimized(shapes)
        for node in graph.nodes:
            for result in node.outputs:
                result.type.check_budget(f"{node.origin}: {node.op.name}")
        return plan(graph, self._target(), self._packs) if _is_plannable(graph) else None

    def prepare(self, shapes: Sequence[Shape]) -> Program | None:
        """Plan for inputs of these shapes and compile the kernels; what then runs, as `program`."""
        bound = self._bind(tuple(shapes))
        return None if bound is None else bound.program

    def optimized(self, shapes: Sequence[Shape]) -> Graph:
        """The graph as it is planned for inputs of these shapes."""
        graph = specialize(self._optimize(), shapes)
        return optimize(graph, SPECIALIZED) if reads_sizes(graph) else graph

    def _target(self) -> Target:
        from ..kernels import lanes

        return Target(self._lanes or lanes(), self._is_exact)

    def _wants_exact(self) -> bool:
        return is_exact() if self._asked_exact is None else self._asked_exact

    def _optimize(self) -> Graph:
        if self._optimized is None:
            frozen = [p.variable for p in self.graph.parameters() if not is_changing(self.graph, p.variable)]
            self._versions = [(variable, variable.version) for variable in frozen]
            self._optimized = optimize(self.graph)
        return self._optimized

    def _renew(self) -> None:
        """Forget what was made of weights that have changed, or with other arithmetic."""
        with self._lock:
            self._changes = Variable.changes
            is_stale = any(variable.version != version for variable, version in self._versions)
            if is_stale or self._is_exact != self._wants_exact():
                self._is_exact = self._wants_exact()
                self._optimized, self._packs, self._bound = None, Packs(), {}
            self.quick_calls.clear()
            for bound in self._bound.values():
                self._offer(bound)

    def _bind(self, shapes: tuple[Shape, ...]) -> Bound | None:
        with self._lock:
            if shapes not in self._bound:
                program = self.program(shapes)
                self._bound[shapes] = None if program is None else Bound(program)
                self._offer(self._bound[shapes])
            return self._bound[shapes]

    def _offer(self, bound: Bound | None) -> None:
        if bound is not None and bound.is_quick:
            self.quick_calls[tuple(type.shape for type in bound.program.inputs)] = bound.quick_call()


def _is_plannable(graph: Graph) -> bool:
    """Whether all sizes are known and no tensor is empty or holds what raw memory cannot."""
    values = [*graph.inputs, *(result for node in graph.nodes for result in node.outputs)]
    return all(
        value.type.is_static and 0 not in value.shape and value.dtype not in ("string", "bfloat16") for value in values
    )


def open_sizes_filled(graph: Graph, batch: int) -> list[Shape]:
    """The shapes of a graph's inputs with `batch` for open first sizes and 1 for other open ones."""
    return [
        tuple(size if isinstance(size, int) else 1 if axis else batch for axis, size in enumerate(value.shape))
        for value in graph.inputs
    ]


class Bound:
    """A program with its kernels, and frames for as many calls as run at once."""

    def __init__(self, program: Program) -> None:
        from ..kernels import addresses

        self.program = program
        self._kernels = addresses([*program.kernels(), _CALL, *([_QUICK] if self.is_quick else ())])
        self._call = Kernel(self._kernels[_CALL])
        self._inputs = [np.dtype(numpy_name(type.dtype)) for type in program.inputs]
        self._outputs = [(type.shape, np.dtype(numpy_name(type.dtype))) for type in program.outputs]
        self._free: list[Frame] = []

    @property
    def is_quick(self) -> bool:
        """Whether a call is nothing but a walk over kernel calls, on inputs and outputs alone."""
        steps, is_moving = self.program.steps, bool(self.program.inputs and self.program.outputs)
        return is_moving and not self.program.variables and all(isinstance(step, Step) for step in steps)

    def quick_call(self) -> QuickCall:
        """The program as a function of its inputs."""
        return QuickCall(self._quick_frame, self._kernels[_QUICK], self.program)

    def _quick_frame(self) -> tuple[Frame, np.ndarray]:
        frame = self._frame()
        return frame, frame.quick_words(self._team(frame))

    def _frame(self) -> Frame:
        return Frame(self.program, self._kernels, self._call)

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """The program's outputs; None if a kernel found the inputs wrong, and the meanings say what is."""
        arrays = [
            a if type(a) is np.ndarray and a.dtype == dtype and a.flags.c_contiguous else np.ascontiguousarray(a, dtype)
            for a, dtype in zip(arrays, self._inputs, strict=True)
        ]
        arrays += [variable.memory() for variable in self.program.variables]
        outputs: list[Any] = [np.empty(shape, dtype) for shape, dtype in self._outputs]
        try:
            frame = self._free.pop()
        except IndexError:
            frame = self._frame()
        try:
            frame.run(arrays, outputs, self._team(frame))
            if frame.take_flag():
                return None
        finally:
            self._free.append(frame)
        for variable in self.program.updated:
            variable.changed()
        return outputs

    def _team(self, frame: Frame) -> int:
        return team(_serve) if frame.is_parallel else 0


def _serve() -> Kernel:
    """What a member of a team runs."""
    from ..kernels import addresses

    return Kernel(addresses([_SERVE])[_SERVE])
