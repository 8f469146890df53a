"""Chains of pointwise operators."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...ir import OPERATORS, Node, Value
from ...operators.fused import Program as Instructions
from ...passes.fuse_elementwise import CHAINED, OF_STEPS
from ..planner import Planner, lowers
from ..program import Address, Argument, Key, bits, kernel, product

BLOCK, OPERANDS, REGISTERS, RESULTS, OUTER = 1024, 8, 8, 8, 4
"""As in kernels/chains.py."""

FULL, SCALAR, PERIODIC, STRETCHED = 0, 1, 2, 3
LETTER = {"float32": "f", "bool": "b", "int8": "i", "uint8": "u", "int32": "w"}
SIZES = {"f": 4, "b": 1, "i": 1, "u": 1, "w": 4}
SHORT = 256
"""An inner axis shorter than this is joined with the one before it."""

COSTS = {"pow": 3.0, "sin": 1.0, "cos": 1.0, **dict.fromkeys(("exp", "tanh", "sigmoid", "erf", "gelu", "silu"), 0.6)}
"""Nanoseconds for an element, for estimates of work."""

_UNLIMITED = {"low": -np.inf, "high": np.inf}


@dataclass(slots=True)
class Operand:
    """How a chain reads one of its operands."""

    address: Address
    letter: str
    mode: int
    period: int
    strides: list[int]


@lowers("chain")
def chain(planner: Planner, node: Node) -> bool:
    values = [value for value in node.inputs if value is not None]
    y = node.outputs[0]
    letters = _letters(values, node.attrs["program"])
    if 0 in y.shape or letters is None:
        return False
    if planner.graph.updates and _makes_variables(planner, node, letters):
        return True
    if len(values) > OPERANDS or len(node.outputs) > RESULTS:
        return False
    shape = [int(size) for size in y.shape]
    axes = _axes(shape, [_aligned(value, y.rank) for value in values])
    if len(axes) > OUTER + 1:
        return False
    operands = []
    for number, value in enumerate(values):
        place = planner.place(value)
        assert isinstance(place, Address)
        operands.append(Operand(place, letters[number], FULL if axes[-1].varies[number] else SCALAR, 1, []))
    inner, block = _join_last(axes, operands)
    _set_strides(axes[:-1], operands, [product(value.shape) for value in values])
    results = node.attrs["results"] or (len(node.attrs["program"]) - 1,)
    targets = {number: planner.place(value) for number, value in zip(results, node.outputs, strict=True)}
    instructions = _instructions(node.attrs["program"], letters, operands, targets)
    if instructions is None:
        return False
    outer = [1] * (OUTER - len(axes) + 1) + [axis.size for axis in axes[:-1]]
    rows = product(shape) // inner
    arguments: list[Argument] = [rows, inner, block, 0, len(operands), len(instructions), SIZES[letters[-1]], 0]
    arguments += outer
    for operand in operands:
        arguments += [operand.address, SIZES[operand.letter], operand.mode, operand.period, *operand.strides]
    for instruction in instructions:
        arguments += instruction
    names = [name for name, _, _ in node.attrs["program"]]
    planner.step(
        kernel("chains.run"),
        arguments,
        reads=[operand.address for operand in operands],
        writes=[*targets.values()],
        work=product(shape) * sum(COSTS.get(name, 0.15) for name in names),
        label="chain " + " ".join(names),
        in_place=True,
        apart=_apart(node.attrs["program"], operands, targets),
    )
    return True


def _makes_variables(planner: Planner, node: Node, letters: list[str]) -> bool:
    from .updates import update

    return update(planner, node, letters)


def _letters(values: list[Value], program: Instructions) -> list[str] | None:
    """The letter of the dtype of each operand and result; None if a chain cannot hold one."""
    types = [value.type for value in values]
    for name, reads, attrs in program:
        if name not in CHAINED | OF_STEPS:
            return None
        types.append(OPERATORS[name].infer(*(types[i] for i in reads), **dict(attrs)))  # type: ignore[arg-type]
    if any(type.dtype not in LETTER for type in types):
        return None
    return [LETTER[type.dtype] for type in types]


@dataclass(slots=True)
class Axis:
    """An axis of the result, and which operands vary along it."""

    size: int
    varies: tuple[bool, ...]


def _aligned(value: Value, rank: int) -> list[int]:
    return [1] * (rank - value.rank) + [int(size) for size in value.shape]


def _axes(shape: list[int], operands: list[list[int]]) -> list[Axis]:
    """The axes of the result, neighbours joined along which the same operands vary."""
    axes: list[Axis] = []
    for place, size in enumerate(shape):
        if size == 1:
            continue
        varies = tuple(operand[place] != 1 for operand in operands)
        if axes and axes[-1].varies == varies:
            axes[-1].size *= size
        else:
            axes.append(Axis(size, varies))
    return axes or [Axis(1, (True,) * len(operands))]


def _join_last(axes: list[Axis], operands: list[Operand]) -> tuple[int, int]:
    """Join a short last axis with the one before it; inner size and block."""
    last = axes[-1]
    if len(axes) == 1 or last.size >= SHORT:
        return last.size, BLOCK
    for operand, before, now in zip(operands, axes[-2].varies, last.varies, strict=True):
        if now != before:
            operand.mode, operand.period = PERIODIC if now else STRETCHED, last.size
    axes[-2:] = [Axis(axes[-2].size * last.size, axes[-2].varies)]
    return axes[-1].size, BLOCK // last.size * last.size


def _set_strides(outer: list[Axis], operands: list[Operand], counts: list[int]) -> None:
    """Elements from one index of each outer axis to the next: operands are contiguous over what they vary along."""
    for number, operand in enumerate(operands):
        step = counts[number]
        strides = []
        for axis in outer:
            step = step // axis.size if axis.varies[number] else step
            strides.append(step if axis.varies[number] else 0)
        operand.strides = [0] * (OUTER - len(outer)) + strides


def _apart(
    program: Instructions, operands: list[Operand], targets: dict[int, Address | int]
) -> list[tuple[Address | int, Address]]:
    """Results and the operands that are read after those are written."""
    late = [
        (number, operands[place].address)
        for number, (_, reads, _) in enumerate(program)
        for place in reads
        if place < len(operands)
    ]
    return [(target, address) for first, target in targets.items() for number, address in late if number > first]


def _instructions(
    program: Instructions, letters: list[str], operands: list[Operand], targets: dict[int, Address | int]
) -> list[list[Argument]] | None:
    """The words of each instruction; None if there are not registers enough."""
    count = len(operands)
    last = {place: number for number, (_, reads, _) in enumerate(program) for place in reads}
    free = list(range(REGISTERS))
    where = {number: REGISTERS + place for place, number in enumerate(targets)}
    result: list[list[Argument]] = []
    for number, (name, reads, attrs) in enumerate(program):
        _spread(name, reads, operands)
        places = [place if place < count else OPERANDS + where[place - count] for place in reads]
        if number not in targets:
            if not free:
                return None
            where[number] = free.pop()
        register = where[number] if number not in targets else ~(where[number] - REGISTERS)
        key, words = _call(name, reads, dict(attrs), letters, count + number, operands)
        padding = [places[0]] * (3 - len(places))
        result.append([key, register, *places, *padding, *words, *[0] * (4 - len(words)), targets.get(number, 0)])
        done = [place - count for place in set(reads) if place >= count and last[place] == number]
        free += [where[place] for place in done if place not in targets]
    return result


def _spread(name: str, reads: tuple[int, ...], operands: list[Operand]) -> None:
    """Let operands that are one element fill a block where the kernel takes blocks only."""
    single = [place for place in reads if place < len(operands) and operands[place].mode == SCALAR]
    if name != "where" and len(single) == len(reads):
        for place in single:
            operands[place].mode = PERIODIC


def _call(
    name: str, reads: tuple[int, ...], attrs: dict[str, Any], letters: list[str], result: int, operands: list[Operand]
) -> tuple[Key, list[Argument]]:
    """The kernel of an instruction and its own arguments."""
    single = [place < len(operands) and operands[place].mode == SCALAR for place in reads]
    source, target = letters[reads[0]], letters[result]
    if name == "where":
        return kernel("chains.where", single=sum(one << place for place, one in enumerate(single))), []
    if name in OF_STEPS:
        mask = sum(one << place for place, one in enumerate(single))
        return kernel("levels.step", op=name, source=source, target=target, single=mask), []
    if name == "cast":
        return kernel("chains.cast", source=source, target=target), []
    if len(reads) == 2:
        scalar = 1 if single[0] else 2 if single[1] else 0
        return kernel("chains.binary", op=name, source=source, target=target, scalar=scalar), []
    values = [_UNLIMITED[key] if value is None else float(value) for key, value in attrs.items()]
    parameters = len(values)
    return kernel("chains.unary", op=name, source=source, target=target, parameters=parameters), [*map(bits, values)]
