"""Whether two models give the same outputs for the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kcompat.errors import InputError
from kcompat.ir import Value
from kcompat.ir.types import Shape, fits
from kcompat.models import Model

from .comparison import ATOL, RTOL, Comparison, compare
from .seeded_inputs import seeded_inputs
from .side import Side, side_of

SEED = 0

Axes = tuple[int, ...]


@dataclass(frozen=True)
class OutputCheck:
    """One output of both models. axes: how the second one's is transposed to be like the first one's, or None."""

    name: str
    comparison: Comparison
    axes: Axes | None = None

    def __str__(self) -> str:
        moved = f" (axes transposed by {self.axes})" if self.axes else ""
        return f"{self.name}{moved}: {self.comparison.text}"


@dataclass(frozen=True)
class Check:
    """What a comparison of two models has found.

    first, second: what the models are called. inputs: what they ran on, by the first one's names.
    """

    first: str
    second: str
    inputs: Mapping[str, np.ndarray]
    outputs: Sequence[OutputCheck]

    @property
    def same(self) -> bool:
        """Whether every output is within tolerance."""
        return all(output.comparison.same for output in self.outputs)

    @property
    def absolute(self) -> float:
        """The largest absolute difference in any output."""
        return max((output.comparison.absolute or 0.0 for output in self.outputs), default=0.0)

    def __str__(self) -> str:
        return "\n".join(map(str, self.outputs))


def check(
    first: Model | Side,
    second: Model | Side,
    inputs: Mapping[str, np.ndarray] | None = None,
    *,
    seed: int = SEED,
    rtol: float = RTOL,
    atol: float = ATOL,
    input_axes: Mapping[str, Axes] | None = None,
) -> Check:
    """Run two models on the same inputs and compare: |second - first| <= atol + rtol * |first|.

    Inputs and outputs are paired by name where the names are the same, else by position. Where an axis of
    channels stands first in one model and last in the other, what enters and leaves the second is transposed.
    inputs: arrays by the first model's names of its inputs, or called input_0, input_1, ...; seeded ones by
    default. input_axes: transpositions by the first model's names, where shapes do not tell.
    Raises InputError if the interfaces cannot be paired or no inputs fit.
    """
    a, b = _as_side(first), _as_side(second)
    places = _pairs("inputs", a, b, a.inputs, b.inputs)
    arrays = seeded_inputs(a, seed) if inputs is None else _given(inputs, a)
    results = a.run(arrays)
    entering = _entering(a, b, places, arrays, input_axes or {})
    others = b.run(entering)
    outputs = [
        _compare(value.name, others[place], result, rtol, atol)
        for value, place, result in zip(a.outputs, _pairs("outputs", a, b, a.outputs, b.outputs), results, strict=True)
    ]
    named = {value.name: array for value, array in zip(a.inputs, arrays, strict=True)}
    return Check(a.label, b.label, named, outputs)


def _as_side(model: Model | Side) -> Side:
    return model if isinstance(model, Side) else side_of(model)


def _pairs(what: str, a: Side, b: Side, mine: Sequence[Value], others: Sequence[Value]) -> list[int]:
    """For each of `mine` the place of its counterpart."""
    if len(mine) != len(others):
        shown = [", ".join(str(value.name) for value in values) for values in (mine, others)]
        raise InputError(
            f"{a.label} has {len(mine)} {what} ({shown[0]}), {b.label} has {len(others)} ({shown[1]}): "
            "they cannot be compared"
        )
    names = [value.name for value in others]
    if len(set(names)) == len(names) and {value.name for value in mine} == set(names):
        return [names.index(value.name) for value in mine]
    return list(range(len(mine)))


def _given(inputs: Mapping[str, np.ndarray], side: Side) -> list[np.ndarray]:
    names = [value.name for value in side.inputs]
    numbered = [f"input_{index}" for index in range(len(names))]
    for keys in (names, numbered):
        if all(key in inputs for key in keys):
            return [np.asarray(inputs[key]) for key in keys]
    raise InputError(f"{side.label}: takes {', '.join(names)} (or {', '.join(numbered)}), received {', '.join(inputs)}")


def _entering(
    a: Side, b: Side, places: Sequence[int], arrays: Sequence[np.ndarray], axes: Mapping[str, Axes]
) -> list[np.ndarray]:
    """Arrays in the order, layout and dtype of the second model."""
    entering: list[np.ndarray] = [np.empty(0)] * len(arrays)
    for value, place, array in zip(a.inputs, places, arrays, strict=True):
        moved = axes.get(value.name) or _moved(array.shape, b.inputs[place].shape)
        entering[place] = array if moved is None else np.ascontiguousarray(array.transpose(moved))
    return entering


def _moved(shape: Shape, wanted: Shape) -> Axes | None:
    """How an array of one shape must be transposed to have the other, if moving the channels does it."""
    if len(shape) != len(wanted) or fits(shape, wanted):
        return None
    return next((axes for axes in _moves(len(shape)) if fits(tuple(shape[axis] for axis in axes), wanted)), None)


def _moves(rank: int) -> list[Axes]:
    """The transpositions that move channels from the last axis to the second, and back."""
    if rank < 3:
        return []
    return [(0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)]


def _compare(name: str, actual: np.ndarray, expected: np.ndarray, rtol: float, atol: float) -> OutputCheck:
    """As they are, else with channels moved; the first that agrees, else the first."""
    plain = OutputCheck(name, compare(actual, expected, rtol, atol))
    if plain.comparison.same or actual.ndim != expected.ndim:
        return plain
    for axes in _moves(actual.ndim):
        moved = actual.transpose(axes)
        if moved.shape == expected.shape:
            found = compare(moved, expected, rtol, atol)
            if found.same or actual.shape != expected.shape:
                return OutputCheck(name, found, axes)
    return plain
