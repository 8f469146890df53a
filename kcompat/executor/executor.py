"""Plans a graph for the shapes it meets, and runs it."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np

from .. import changes
from ..ir import Graph, Variable
from ..ir.types import Shape
from ..passes.freeze import is_changing
from ..passes.known_sizes import reads_sizes
from ..passes.pipelines import SPECIALIZED, optimize
from ..passes.specialize import specialize
from ..plan import Packs, Target, plan
from ..plan.program import Program
from ..reference import evaluate
from .bound import Bound
from .code import Code
from .encoding import encode
from .exactness import is_exact
from .quick import QuickCall


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
        if changes.count != self._changes:
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
        program = self.program(shapes)
        if program is not None:
            with self._lock:
                self._bound[tuple(shapes)] = _bound(program)
        return program

    def code(self, shapes: Sequence[Shape]) -> Code | None:
        """What runs for inputs of these shapes, as machine words; None as for `program`."""
        bound = self._bind(tuple(shapes))
        return None if bound is None else bound.code

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
            self._changes = changes.count
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
                self._bound[shapes] = None if program is None else _bound(program)
                self._offer(self._bound[shapes])
            return self._bound[shapes]

    def _offer(self, bound: Bound | None) -> None:
        if bound is not None and bound.code.is_quick:
            self.quick_calls[bound.shapes] = bound.quick_call()


def _bound(program: Program) -> Bound:
    return Bound(encode(program), program.variables, program.updated)


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
