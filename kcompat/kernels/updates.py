"""Chains that make variables, compiled whole: what they read is read once, computed in registers, and written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import address_of
from .shares import share_start
from .vectors import Vectors, constant

UNIT = 1024
"""Elements that are shared together, so that threads write to cache lines of their own."""

HEAD, PLACES = 2, 2
"""Words of the arguments before the first segment, and of each segment before its addresses."""

BIT, BYTE = ir.IntType(1), ir.IntType(8)


def run(program: str, operands: str, results: str, lanes: int) -> Any:
    """Runs a chain over several segments of memory.

    program: instructions `operator-read-read`, joined by "."; what they read counts operands, then instructions.
    operands: a letter for each: "f" for float32 and "b" for booleans that go along with the result, "F" and "B" for
    one element. results: the numbers of the instructions that are stored, joined by "-".
    arguments: how many segments, how many units they have; then, for each segment, its first unit, its elements,
    the addresses of operands and of results. A result may be where an operand is.
    """
    stored = [int(number) for number in results.split("-")]
    words = PLACES + len(operands) + len(stored)
    run_chain = chain(program, operands, stored, lanes)

    def kernel(a, thread, threads):
        first, end = share_start(a[1], thread, threads), share_start(a[1], thread + 1, threads)
        for segment in range(a[0]):
            at = HEAD + segment * words
            low, high = max((first - a[at]) * UNIT, 0), min((end - a[at]) * UNIT, a[at + 1])
            if low < high:
                run_chain(address_of(a) + (at + PLACES) * 8, low, high)

    return kernel


def chain(program: str, operands: str, stored: list[int], lanes: int) -> Any:
    """`run_chain(table, first, end)`: a chain over elements of a segment, whose addresses are at `table`."""
    instructions = [
        (OPERATIONS[name], [int(read) for read in reads])
        for name, *reads in (instruction.split("-") for instruction in program.split("."))
    ]

    @intrinsic
    def run_chain(context, table, first, end):
        def codegen(context, builder, signature, args):
            table, first, end = args
            whole = builder.and_(builder.sub(end, first), constant(-lanes))
            middle = builder.add(first, whole)
            _Chain(builder, lanes, table, operands).run(instructions, stored, first, middle)
            _Chain(builder, 1, table, operands).run(instructions, stored, middle, end)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), codegen

    return run_chain


class _Chain(Vectors):
    """Emits a chain over as many elements as fill whole vectors."""

    def __init__(self, builder: Any, lanes: int, table: Any, operands: str) -> None:
        super().__init__(builder, lanes)
        self.table, self.operands = table, operands

    def run(self, instructions: list[tuple[Operation, list[int]]], stored: list[int], first: Any, end: Any) -> None:
        count = len(self.operands)
        places = [self.word(self.table, number) for number in range(count + len(stored))]
        fixed = [self._splat(place, kind) for place, kind in zip(places, self.operands, strict=False)]
        with cgutils.for_range_slice(self.builder, first, end, constant(self.lanes)) as (index, _):
            values = [
                self._read(place, index, kind) if value is None else value
                for value, place, kind in zip(fixed, places, self.operands, strict=False)
            ]
            for operation, reads in instructions:
                values.append(operation(self, *(values[read] for read in reads)))
            for place, number in zip(places[count:], stored, strict=True):
                self._write(values[count + number], place, index)

    def _splat(self, place: Any, kind: str) -> Any:
        """One element in all lanes; None for an operand that goes along."""
        if kind.islower():
            return None
        if kind == "F":
            return self.splat(self.builder.load(self.pointer(place)))
        byte = self.builder.load(self.builder.inttoptr(place, BYTE.as_pointer()))
        flag = self.builder.uitofp(byte, self.vector.element)
        return self.differs(self.splat(flag), self.number(0.0))

    def _read(self, place: Any, index: Any, kind: str) -> Any:
        if kind == "f":
            return self.load(self.at(self.pointer(place), index))
        flags = self.builder.load(self._flags(place, index))
        flags.align = 1
        return self.builder.icmp_unsigned("!=", flags, ir.Constant(flags.type, [0] * self.lanes))

    def _write(self, value: Any, place: Any, index: Any) -> None:
        if value.type == self.vector:
            self.store(value, self.at(self.pointer(place), index))
            return
        self.builder.store(
            self.builder.zext(value, ir.VectorType(BYTE, self.lanes)), self._flags(place, index)
        ).align = 1

    def _flags(self, place: Any, index: Any) -> Any:
        return self.builder.inttoptr(self.builder.add(place, index), ir.VectorType(BYTE, self.lanes).as_pointer())

    # --- operations --------------------------------------------------------------

    def unary(self, name: str, x: Any) -> Any:
        return self.builder.call(
            self.intrinsic(f"llvm.{name}.v{self.lanes}f32", ir.FunctionType(x.type, [x.type])), [x]
        )

    def differs(self, x: Any, y: Any) -> Any:
        return self.builder.fcmp_unordered("!=", x, y)

    def larger(self, x: Any, y: Any, order: str) -> Any:
        """The one that the order takes, or NaN if one is."""
        chosen = self.builder.select(self.builder.fcmp_ordered(order, x, y), x, y)
        return self.builder.select(self.differs(x, x), x, chosen)

    def sign(self, x: Any) -> Any:
        zero, one, below = self.number(0.0), self.number(1.0), self.number(-1.0)
        negative = self.builder.select(self.builder.fcmp_ordered("<", x, zero), below, zero)
        signs = self.builder.select(self.builder.fcmp_ordered(">", x, zero), one, negative)
        return self.builder.select(self.differs(x, x), x, signs)


Operation = Callable[..., Any]

OPERATIONS: dict[str, Operation] = {
    "add": lambda e, x, y: e.builder.fadd(x, y),
    "sub": lambda e, x, y: e.builder.fsub(x, y),
    "mul": lambda e, x, y: e.builder.fmul(x, y),
    "div": lambda e, x, y: e.builder.fdiv(x, y),
    "square": lambda e, x: e.builder.fmul(x, x),
    "neg": lambda e, x: e.builder.fneg(x),
    "reciprocal": lambda e, x: e.builder.fdiv(e.number(1.0), x),
    "rsqrt": lambda e, x: e.builder.fdiv(e.number(1.0), e.unary("sqrt", x)),
    "sqrt": lambda e, x: e.unary("sqrt", x),
    "abs": lambda e, x: e.unary("fabs", x),
    "sign": lambda e, x: e.sign(x),
    "maximum": lambda e, x, y: e.larger(x, y, ">="),
    "minimum": lambda e, x, y: e.larger(x, y, "<="),
    "where": lambda e, condition, x, y: e.builder.select(condition, x, y),
    "greater": lambda e, x, y: e.builder.fcmp_ordered(">", x, y),
    "less": lambda e, x, y: e.builder.fcmp_ordered("<", x, y),
    "equal": lambda e, x, y: e.builder.fcmp_ordered("==", x, y),
    "not_equal": lambda e, x, y: e.differs(x, y),
}
"""By operator: what emits it. `passes/merge_chains.py` lists them too."""
