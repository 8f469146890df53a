"""Pointwise operators in chains that one kernel runs block by block, without storing what lies between."""

from __future__ import annotations

from collections.abc import Iterable

from ..ir import Constant, Graph, Node, Value
from ..operators.fused import Instruction
from .rewrite import Rewrite, rewrite

CHAINED = frozenset((
    "add", "sub", "mul", "div", "maximum", "minimum", "pow", "neg", "abs", "sqrt", "rsqrt", "square", "round",
    "reciprocal", "exp", "log", "floor", "ceil", "sign", "expm1", "log1p", "sin", "cos", "tanh", "sigmoid", "erf",
    "relu", "gelu", "silu", "elu", "selu", "celu", "softplus", "softsign", "hard_sigmoid", "hard_silu", "mish",
    "log_sigmoid", "tanh_shrink", "soft_shrink", "hard_shrink", "sparse_plus", "squareplus", "threshold", "prelu",
    "clip", "where", "cast", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and",
    "logical_or", "logical_not",
))  # fmt: skip
"""The operators of float32 and booleans that chains are made of."""

OF_STEPS = frozenset(("quantize", "requantize", "dequantize"))
"""Those that have bytes and int32 on one side or both."""

MOST_OPERANDS, MOST_INSTRUCTIONS = 8, 16


def fuse_elementwise(graph: Graph) -> Graph:
    """Given pointwise operators of float32, booleans, and steps of a scale, and chains of them. Result: chains; a chain
    takes in those before it whose results have its shape, which must be known, and that nothing else reads."""
    return rewrite(graph, _fuse)


def has_open_chains(graph: Graph) -> bool:
    """Whether there are chains that `fuse_elementwise` could not compare, since sizes were not known."""
    return any(node.op.name == "chain" and None in node.outputs[0].shape for node in graph.nodes)


def _fuse(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    values = [value for value in operands if value is not None]
    own = _instructions(node, [*values, node.outputs[0]])
    if own is None:
        return None
    inputs: list[Value] = []
    program: list[Instruction] = []
    places = [_take(work, value, node.outputs[0], inputs, program) for value in values]
    append_instructions(own, places, program)
    if len(inputs) > MOST_OPERANDS or len(program) > MOST_INSTRUCTIONS:
        return work.b.chain(*values, program=own)
    return work.b.chain(*inputs, program=numbered(len(inputs), program))


def _instructions(node: Node, values: list[Value]) -> tuple[Instruction, ...] | None:
    """What a node does, as a chain; None if it is none, or one of several results."""
    if node.op.name == "chain":
        return None if node.attrs["results"] else node.attrs["program"]
    if not _is_chained(node, values):
        return None
    return ((node.op.name, tuple(range(len(values) - 1)), tuple(node.attrs.items())),)


def _is_chained(node: Node, values: list[Value]) -> bool:
    if node.op.name in OF_STEPS:
        return all(value.dtype in ("float32", "int8", "uint8", "int32") for value in values)
    return node.op.name in CHAINED and all(value.dtype in ("float32", "bool") for value in values)


def _take(work: Rewrite, value: Value, result: Value, inputs: list[Value], program: list[Instruction]) -> int:
    """Where a chain in the making finds a value: an operand (>= 0), or the result of an instruction (< 0)."""
    source = work.producer(value, "chain")
    if source is None or not work.single_use(value) or value.shape != result.shape or None in value.shape:
        return operand_place(value, inputs)
    operands = [operand_place(operand, inputs) for operand in source.inputs if operand is not None]
    append_instructions(source.attrs["program"], operands, program)
    return ~(len(program) - 1)


def append_instructions(own: Iterable[Instruction], operands: list[int], program: list[Instruction]) -> None:
    """Add a chain's instructions, whose operands are at places: an operand (>= 0) or ~ an instruction's number."""
    first = len(program)
    for name, reads, attrs in own:
        moved = (operands[i] if i < len(operands) else ~(first + i - len(operands)) for i in reads)
        program.append((name, tuple(moved), attrs))


def operand_place(value: Value, inputs: list[Value]) -> int:
    """The place of an operand among a chain's inputs, to which it is added if need be."""
    for place, other in enumerate(inputs):
        if other is value or (_is_scalar(other) and _is_scalar(value) and _same(other, value)):
            return place
    inputs.append(value)
    return len(inputs) - 1


def _is_scalar(value: Value) -> bool:
    return isinstance(value, Constant) and value.data.size == 1


def _same(one: Value, other: Value) -> bool:
    assert isinstance(one, Constant)
    assert isinstance(other, Constant)
    return one.type == other.type and one.data.tobytes() == other.data.tobytes()


def numbered(count: int, program: list[Instruction]) -> tuple[Instruction, ...]:
    """A program with values counted from the operands on; before, ~n stands for instruction n."""
    return tuple(
        (name, tuple(place if place >= 0 else count + ~place for place in reads), attrs)
        for name, reads, attrs in program
    )
