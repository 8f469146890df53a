"""Programs for people: `kcompat show --plan`."""

from __future__ import annotations

from collections.abc import Iterator

from ..ir import Graph
from ..ir.types import shape_text
from ..passes.fuse_epilogues import unfused
from .program import Buffer, HostStep, Program, Step, runs_of


def program_text(program: Program, graph: Graph) -> str:
    """One line a step: number, kernel and its tile, shapes, where the result is, work, origin; then memory, and
    why what could be fused is not. graph: what the program was planned from."""
    return "\n".join([*_steps(program, ""), *_memory(program), *_reasons(graph)])


def _steps(program: Program, indent: str) -> Iterator[str]:
    for number, step in enumerate(program.steps):
        shared = "   threads" if not indent and isinstance(step, Step) and step.is_shared else ""
        yield indent + _step(number, step, shared)
        runs = runs_of(step)
        if runs is not None:
            yield from _steps(runs.programs[0], indent + "    ")
            arena = max(program.arena for program in runs.programs)
            edges = f", {len(runs.programs) - 1} like it at edges" if len(runs.programs) > 1 else ""
            yield f"{indent}    arena {arena} bytes for each thread{edges}"


def _step(number: int, step: Step | HostStep, shared: str) -> str:
    if isinstance(step, HostStep):
        shapes = ", ".join(str(type) for _, type in step.outputs)
        return f"{number:4}  host  {step.node.op.name} -> {shapes}   no kernel: runs its NumPy meaning{_origin(step)}"
    result = "" if step.node is None else " -> " + ", ".join(str(r.type) for r in step.node.outputs)
    fused = "" if step.node is None else _epilogue(step)
    places = ", ".join(_place(buffer) for buffer in step.writes)
    return f"{number:4}  {step.label}{result}{fused}   {places}   {step.work / 1000:.1f} us{shared}{_origin(step)}"


def _epilogue(step: Step) -> str:
    node = step.node
    if node is None or not node.op.name.startswith("fused_"):
        return ""
    parts = ["+bias"] if node.inputs[2] is not None else []
    parts += ["+residual"] if node.inputs[3] is not None else []
    low, high = node.attrs["low"], node.attrs["high"]
    if low == 0 and high == float("inf"):
        parts.append("+relu")
    elif low > -float("inf") or high < float("inf"):
        parts.append(f"+clamp({low:g}, {high:g})")
    return "   " + " ".join(parts)


def _place(buffer: Buffer) -> str:
    return f"arena 0x{buffer.place:05x}" if buffer.kind == "arena" else f"{buffer.kind} {buffer.place}"


def _origin(step: Step | HostStep) -> str:
    origin = step.node.origin if step.node is not None else ""
    return f"   from {origin.split(' in ')[0]}" if origin else ""


def _memory(program: Program) -> Iterator[str]:
    constants = {id(buffer.array): buffer.nbytes for buffer in program.buffers() if buffer.kind == "constant"}
    weights = sum(constants.values())
    yield f"arena {program.arena} bytes for tensors of {program.tensors} bytes; constants {weights} bytes"
    hosts = sum(isinstance(step, HostStep) for step in program.steps)
    yield f"{len(program.steps)} steps, {hosts} of them on the host"


def _reasons(graph: Graph) -> Iterator[str]:
    for node, reason in unfused(graph):
        yield f"not fused: {node.op.name} of {shape_text(node.outputs[0].shape)} ({node.origin}): {reason}"
