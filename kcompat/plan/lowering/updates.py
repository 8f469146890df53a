"""Chains that make variables: neighbouring ones of the same program are one step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...ir import Node, Parameter
from ...operators.fused import Program as Instructions
from ...passes.merge_chains import COMPILED
from ..planner import Planner
from ..program import Address, Buffer, Key, Step, kernel, product

UNIT = 1024
"""As in kernels/updates.py."""

STREAM = 0.08
"""Nanoseconds for an element of an operand or result, for estimates of work."""


@dataclass(eq=False, slots=True)
class Update(Step):
    """A step of `updates.run`. changed: the variables it makes; others: those it reads but does not make."""

    changed: set[Buffer] = field(default_factory=set)
    others: set[Buffer] = field(default_factory=set)

    def take(self, other: Update) -> bool:
        """Do what another step does too, if the order in which that is done does not matter."""
        if self.kernel != other.kernel or self.changed & other.others or self.others & other.changed:
            return False
        if not set(self.writes).isdisjoint(other.reads):
            return False
        (segments, units, *places), (_, more, _, *others) = self.arguments, other.arguments
        assert isinstance(segments, int)
        assert isinstance(units, int)
        assert isinstance(more, int)
        self.arguments = [segments + 1, units + more, *places, units, *others]
        self.reads += other.reads
        self.writes += other.writes
        self.work += other.work
        self.changed |= other.changed
        self.others |= other.others
        return True


def update(planner: Planner, node: Node, letters: Sequence[str]) -> bool:
    """Add a step for a chain that makes variables, or let the last step do it too; False if it makes none, or no
    kernel computes it. letters: "f" or "b", of the dtypes of operands and instructions."""
    made = {variable for variable, value in planner.graph.updates.items() if value in node.outputs}
    program: Instructions = node.attrs["program"]
    if not made or any(name not in COMPILED for name, _, _ in program):
        return False
    values = [value for value in node.inputs if value is not None]
    count = product(node.outputs[0].shape)
    if any(product(value.shape) not in (1, count) for value in values):
        return False
    operands, results = [*map(planner.place, values)], [*map(planner.place, node.outputs)]
    variables = {value.variable for value in values if isinstance(value, Parameter)}
    step = Update(
        _key(planner, node, "".join(
            letter if product(value.shape) == count else letter.upper()
            for letter, value in zip(letters, values, strict=False)
        )),
        [1, -(-count // UNIT), 0, count, *operands, *results],
        [place.buffer for place in operands if isinstance(place, Address)],
        [place.buffer for place in results if isinstance(place, Address)],
        STREAM * count * (len(operands) + len(results)),
        "update " + " ".join(name for name, _, _ in program),
        node,
        in_place=True,
        changed={planner.variable(variable) for variable in made},
        others={planner.variable(variable) for variable in variables - made},
    )  # fmt: skip
    last = planner.steps[-1] if planner.steps else None
    if not (isinstance(last, Update) and last.take(step)):
        planner.steps.append(step)
    return True


def _key(planner: Planner, node: Node, operands: str) -> Key:
    program: Instructions = node.attrs["program"]
    return kernel(
        "updates.run",
        program=".".join("-".join([name, *map(str, reads)]) for name, reads, _ in program),
        operands=operands,
        results="-".join(map(str, node.attrs["results"] or (len(program) - 1,))),
        lanes=planner.target.lanes,
    )
