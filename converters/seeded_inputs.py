"""Inputs to compare two models on: the same for the same model and seed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kcompat.errors import InputError, KcompatError
from kcompat.ir import Value
from kcompat.ir.types import is_float, numpy_name
from kcompat.models import Model
from kcompat.models.graph_model import GraphModel

from .input_ranges import Range, input_ranges
from .side import Side

BATCH = 2
LARGEST = 1 << 28
"""Elements of an input that is made up, at most."""
_OPEN_SIZES = ((8, 32), (16, 64), (32, 96), (64, 128), (100, 224), (128, 299), (1, 32), (512, 512), (16000, 32))
"""Sizes of open dimensions that are tried in turn: of sequences, of images."""

_WORDS = np.array(["the", "cat", "sat on", "", "A mat, indeed!", "7"], dtype=object)


def seeded_inputs(side: Side, inputs: Sequence[Value], seed: int) -> list[np.ndarray]:
    """An array for each of a model's inputs, of these types.

    Floats are normal, integers in the range that embeddings, lookups and one-hot encodings take, strings from
    vocabularies. Open dimensions have small sizes, larger ones where the model does not take those.
    Raises InputError if the model takes none of what was tried.
    """
    ranges = _ranges(side.model)
    last: KcompatError | None = None
    for arrays in _candidates(inputs, ranges, seed):
        try:
            outputs = side.run(arrays)
        except KcompatError as error:
            last = error
            continue
        if all(_says_something(output) for output in outputs):
            return arrays
        last = last or InputError("an output has no finite element")
    raise InputError(f"{side.label}: no seeded inputs were found that it runs on ({last}); pass arrays of your own")


def _candidates(values: Sequence[Value], ranges: Mapping[str, Range], seed: int) -> Iterator[list[np.ndarray]]:
    tried = set()
    for sizes in _OPEN_SIZES:
        shapes = _shapes(values, sizes)
        for value, shape in zip(values, shapes, strict=True):
            if math.prod(shape) > LARGEST:
                raise InputError(f"input '{value.name}' is declared as {value.type}: pass an array of your own")
        if shapes not in tried:
            tried.add(shapes)
            for signed in (True, False):
                random = np.random.default_rng(seed)
                yield [
                    _draw(random, value, shape, ranges.get(value.name), signed)
                    for value, shape in zip(values, shapes, strict=True)
                ]


def _shapes(values: Sequence[Value], sizes: tuple[int, int]) -> tuple[tuple[int, ...], ...]:
    """Static shapes; dimensions of one name have one size, that of the first axis the batch's."""
    named: dict[Any, int] = {}
    for value in values:
        if value.rank and isinstance(value.shape[0], str):
            named.setdefault(value.shape[0], BATCH)
    shapes = []
    for value in values:
        size = sizes[1] if value.rank >= 4 else sizes[0]
        shape = []
        for axis, dim in enumerate(value.shape):
            if isinstance(dim, int):
                shape.append(dim)
            elif axis == 0:
                shape.append(named.get(dim, BATCH))
            else:
                shape.append(named.setdefault(dim, size) if dim is not None else size)
        shapes.append(tuple(shape))
    return tuple(shapes)


def _draw(
    random: np.random.Generator, value: Value, shape: tuple[int, ...], range: Range | None, signed: bool
) -> np.ndarray:
    if range is not None and range.tokens is not None:
        return random.choice(range.tokens, shape).astype(numpy_name(value.dtype))
    if value.dtype == "string":
        return random.choice(_WORDS, shape)
    if range is not None and range.limit is not None:
        return random.integers(0, max(range.limit, 1), shape).astype(numpy_name(value.dtype))
    if value.dtype == "bool":
        return random.random(shape) < 0.5
    if value.dtype == "uint8":
        return random.integers(0, 256, shape).astype(np.uint8)
    if is_float(value.dtype) or value.dtype.startswith("complex"):
        drawn = random.standard_normal(shape) if signed else random.random(shape)
        return drawn.astype(numpy_name(value.dtype))
    return random.integers(0, 2, shape).astype(value.dtype)


def _says_something(output: np.ndarray) -> bool:
    """Whether an array can tell a right result from a wrong one."""
    return output.dtype.kind not in "fc" or not output.size or bool(np.isfinite(output).any())


def _ranges(model: Model | None) -> Mapping[str, Range]:
    """Of a model that is not one graph, what the graph for open sizes says; nothing where there is none either."""
    if model is None:
        return {}
    try:
        return input_ranges(model.graph())
    except KcompatError:
        pass
    if not isinstance(model, GraphModel):
        return {}
    from .onnx.raising.opening import graph_of

    try:
        return input_ranges(graph_of(model, None))
    except KcompatError:
        return {}
