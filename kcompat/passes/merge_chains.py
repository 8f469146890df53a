"""Chains that make variables together, in one pass over memory."""

from __future__ import annotations

from collections import Counter
from functools import partial

from ..ir import Graph, Node, Value
from ..operators.fused import Instruction
from .fuse_elementwise import MOST_INSTRUCTIONS, MOST_OPERANDS, append_instructions, numbered, operand_place
from .rewrite import Rewrite, rewrite

COMPILED = frozenset((
    "add", "sub", "mul", "div", "square", "neg", "reciprocal", "rsqrt", "sqrt", "abs", "sign", "maximum", "minimum",
    "where", "greater", "less", "equal", "not_equal",
))  # fmt: skip
"""The operators of which chains that make variables are compiled, and may be longer."""

COMPILED_OPERANDS, COMPILED_INSTRUCTIONS = 16, 24


def merge_chains(graph: Graph) -> Graph:
    """Given chains whose results variables become and another chain reads, such as moving means in an optimizer.
    Result: the other chain computes them, as further outputs."""
    reads = Counter(value for node in graph.nodes for value in node.inputs if value is not None)
    updates = [value for value in graph.updates.values() if reads[value] == 1]
    return rewrite(graph, partial(_merged, updates=set(updates))) if updates else graph


def _merged(work: Rewrite, node: Node, operands: list[Value | None], *, updates: set[Value]) -> Value | None:
    y = node.outputs[0]
    if node.op.name != "chain" or y.dtype != "float32":
        return None
    inputs: list[Value] = []
    program: list[Instruction] = []
    results: list[tuple[Value, int]] = []
    places = []
    for old, new in zip(node.inputs, operands, strict=True):
        assert old is not None
        assert new is not None
        source = work.producer(new, "chain")
        if source is None or old not in updates or old.type != y.type or source.attrs["results"]:
            places.append(operand_place(new, inputs))
            continue
        append_instructions(
            source.attrs["program"],
            [operand_place(value, inputs) for value in source.inputs if value is not None],
            program,
        )
        results.append((old, len(program) - 1))
        places.append(~(len(program) - 1))
    append_instructions(node.attrs["program"], places, program)
    if not results or not _is_short(inputs, program, y):
        return None
    numbers = [*(number for _, number in results), len(program) - 1]
    *others, last = work.b.chain(*inputs, program=numbered(len(inputs), program), results=numbers)
    for (old, _), new in zip(results, others, strict=True):
        work.replace(old, new)
    return last


def _is_short(inputs: list[Value], program: list[Instruction], y: Value) -> bool:
    """Whether a kernel takes the chain."""
    if len(inputs) <= MOST_OPERANDS and len(program) <= MOST_INSTRUCTIONS:
        return True
    if len(inputs) > COMPILED_OPERANDS or len(program) > COMPILED_INSTRUCTIONS:
        return False
    return all(name in COMPILED for name, _, _ in program) and all(value.shape in (y.shape, ()) for value in inputs)
