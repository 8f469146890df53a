"""The ways to compute a layer, all held to the same reference cases.

An engine prepares the layer, with its weights set, and runs the graph it emits. To hold another one
to every case, add a row to `ENGINES`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from kcompat.executor import Executor, get_num_threads, set_num_threads
from kcompat.ir import Graph, Node, TensorType, verify
from kcompat.ir.types import ir_dtype
from kcompat.layers import Layer
from kcompat.layers.emitter import Emitter
from kcompat.plan import parts, program, strips
from kcompat.reference import evaluate
from kcompat.tree import flatten

Arrays = list[np.ndarray]
Shapes = list[tuple[int | None, ...]]


def as_built(layer: Layer) -> Layer:
    return layer


def from_own_config(layer: Layer) -> Layer:
    """A second layer from the first one's config, through JSON, with the same weights."""
    copy = type(layer).from_config(json.loads(json.dumps(layer.get_config())))
    copy.build_once(layer.build_shape)
    copy.set_weights(layer.get_weights())
    return copy


@dataclass(frozen=True)
class Engine:
    prepare: Callable[[Layer], Layer] = as_built
    run: Callable[[Graph, Arrays], Arrays] = evaluate


def compiled(lanes: int | None = None, threads: int = 1, exact: bool = False) -> Callable[[Graph, Arrays], Arrays]:
    """Runs graphs on kernels; with several threads, every step that can be shared is."""

    def run(graph: Graph, arrays: Arrays) -> Arrays:
        executor = Executor(graph, lanes=lanes, exact=exact)
        if threads == 1:
            return executor(arrays)
        with sharing_all_steps(threads):
            return executor(arrays)

    return run


def row_by_row(graph: Graph, arrays: Arrays) -> Arrays:
    """Runs graphs on kernels, what can work on one row of the batch at a time doing so, on two threads."""
    with one_row_at_a_time():
        return compiled(threads=2)(graph, arrays)


def in_strips(graph: Graph, arrays: Arrays) -> Arrays:
    """Runs graphs on kernels, what can work on a few rows of an image at a time doing so, on two threads."""
    with one_row_at_a_time(), strips_of(1, 2, 3, 5):
        return compiled(threads=2)(graph, arrays)


@contextmanager
def strips_of(*heights: int) -> Iterator[None]:
    """Let all chains run in strips of the first of some heights that can be."""

    def height(chain: strips.Chain) -> int:
        return next((rows for rows in heights if rows < chain.heights[-1] and chain.strips(rows)), 0)

    before, strips.Chain.height, least, strips.LARGE_BYTES = strips.Chain.height, height, strips.LARGE_BYTES, 0
    try:
        yield
    finally:
        strips.Chain.height, strips.LARGE_BYTES = before, least


@contextmanager
def one_row_at_a_time() -> Iterator[None]:
    def divided(nodes: list[Node], batch: int) -> Iterator[parts.Part]:
        yield parts.Part(nodes, 1 if nodes else 0)

    before, parts.divided = parts.divided, divided
    try:
        yield
    finally:
        parts.divided = before


@contextmanager
def sharing_all_steps(threads: int) -> Iterator[None]:
    before, work = get_num_threads(), program.PARALLEL_WORK
    set_num_threads(threads)
    program.PARALLEL_WORK = 0.0
    try:
        yield
    finally:
        set_num_threads(before)
        program.PARALLEL_WORK = work


ENGINES = {
    "meaning": Engine(),
    "compiled": Engine(run=compiled()),
    "two_threads": Engine(run=compiled(threads=2)),
    "exact": Engine(run=compiled(exact=True)),
    "row_by_row": Engine(run=row_by_row),
    "in_strips": Engine(run=in_strips),
    "lanes_8": Engine(run=compiled(lanes=8)),
    "lanes_4": Engine(run=compiled(lanes=4)),
    "round_trip": Engine(prepare=from_own_config),
}


def layer_graph(
    layer: Layer,
    inputs: Arrays,
    shapes: Shapes,
    arguments: Callable[[list[Any]], tuple[Any, ...]],
    kwargs: dict[str, Any],
) -> Graph:
    """The verified graph of one call; builds the layer. Inputs have the given shapes, None where open."""
    emitter = Emitter()
    values = [
        emitter.input(
            TensorType(
                ir_dtype(array),
                tuple("batch" if not axis and size is None else size for axis, size in enumerate(shape)),
            )
        )
        for array, shape in zip(inputs, shapes, strict=True)
    ]
    outputs = emitter.call(layer, *arguments(values), **kwargs)
    return verify(emitter.build(flatten(outputs)))
