"""Whether two models give the same outputs for the same inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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
class Interface:
    """How two models that compute the same differ at their inputs and outputs, in the first one's order.

    Axis j of the second one's array is axis axes[j] of the first one's.
    """

    inputs: tuple[Axes, ...]
    outputs: tuple[Axes, ...]


@dataclass(frozen=True)
class OutputCheck:
    """One output of both models.

    axes: how the second one's is transposed to be like the first one's, or None. spread: how far the first model's
    outputs for two samples are apart, where there are two; if that is no more than the tolerance, the output
    proves little.
    """

    name: str
    comparison: Comparison
    axes: Axes | None = None
    spread: float | None = None
    is_weak: bool = False

    def __str__(self) -> str:
        moved = f" (axes transposed by {self.axes})" if self.axes else ""
        weak = f"; a weak proof, two samples differ by {self.spread:.3g} only: pass inputs" if self.is_weak else ""
        return f"{self.name}{moved}: {self.comparison.text}{weak}"


@dataclass(frozen=True)
class Check:
    """What a comparison of two models has found.

    first, second: what the models are called. inputs: what they ran on, by the first one's names. moved: those
    inputs that are transposed for the second, and how.
    """

    first: str
    second: str
    inputs: Mapping[str, np.ndarray]
    outputs: Sequence[OutputCheck]
    moved: Mapping[str, Axes]

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
    interface: Interface | None = None,
) -> Check:
    """Run two models on the same inputs and compare: |second - first| <= atol + rtol * |first|.

    Inputs and outputs are paired by name where the names are the same, else by position. Where an axis of
    channels stands first in one model and last in the other, what enters and leaves the second is transposed.
    inputs: arrays by the first model's names of its inputs, or called input_0, input_1, ...; seeded ones by
    default. interface: where axes have moved, if that is known; otherwise shapes and values tell.
    Raises InputError if the interfaces cannot be paired or no inputs fit.
    """
    a, b = _as_side(first), _as_side(second)
    places = _pairs("inputs", a, b, a.inputs, b.inputs)
    known = interface.inputs if interface else [None] * len(places)
    both = [_both(v, b.inputs[p], axes) for v, p, axes in zip(a.inputs, places, known, strict=True)]
    arrays = seeded_inputs(a, both, seed) if inputs is None else _given(inputs, a)
    results = a.run(arrays)
    wanted = [b.inputs[place].shape for place in places]
    moves = interface.inputs if interface else [_moved(array.shape, s) for array, s in zip(arrays, wanted, strict=True)]
    others = b.run(_entering(places, arrays, moves))
    back = [tuple(map(int, np.argsort(axes))) for axes in interface.outputs] if interface else [None] * len(results)
    outputs = [
        _compare(value.name, others[place], result, axes, rtol, atol)
        for value, place, result, axes in zip(
            a.outputs, _pairs("outputs", a, b, a.outputs, b.outputs), results, back, strict=True
        )
    ]
    names = [value.name for value in a.inputs]
    moved = {name: axes for name, axes in zip(names, moves, strict=True) if not _stays(axes)}
    return Check(a.label, b.label, dict(zip(names, arrays, strict=True)), outputs, moved)


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


def _both(first: Value, second: Value, axes: Axes | None) -> Value:
    """An input with the sizes that either model knows."""
    axes = axes or _moved(first.shape, second.shape)
    if first.rank != second.rank:
        return first
    others = [second.shape[axes.index(axis)] for axis in range(first.rank)]
    shape = [mine if isinstance(mine, int) else other for mine, other in zip(first.shape, others, strict=True)]
    named = [dim if isinstance(dim, int) else mine for dim, mine in zip(shape, first.shape, strict=True)]
    return Value(first.type.with_shape(named), first.name)


def _entering(places: Sequence[int], arrays: Sequence[np.ndarray], moves: Sequence[Axes]) -> list[np.ndarray]:
    """Arrays in the order and layout of the second model."""
    entering: list[np.ndarray] = [np.empty(0)] * len(arrays)
    for place, array, axes in zip(places, arrays, moves, strict=True):
        entering[place] = np.ascontiguousarray(array.transpose(axes)) if array.ndim else array
    return entering


def _moved(shape: Shape, wanted: Shape) -> Axes:
    """How an array of one shape must be transposed to have the other, if moving the channels does it."""
    stays = tuple(range(len(shape)))
    if len(shape) != len(wanted) or fits(shape, wanted):
        return stays
    return next((axes for axes in _moves(len(shape)) if fits(tuple(shape[axis] for axis in axes), wanted)), stays)


def _stays(axes: Axes) -> bool:
    return axes == tuple(range(len(axes)))


def _moves(rank: int) -> list[Axes]:
    """The transpositions that move channels from the last axis to the second, and back."""
    if rank < 3:
        return []
    return [(0, rank - 1, *range(1, rank - 1)), (0, *range(2, rank), 1)]


def _compare(
    name: str, actual: np.ndarray, expected: np.ndarray, axes: Axes | None, rtol: float, atol: float
) -> OutputCheck:
    found = _best_match(name, actual, expected, axes, rtol, atol)
    if not found.comparison.same or expected.dtype.kind != "f" or expected.ndim == 0 or len(expected) < 2:
        return found
    with np.errstate(all="ignore"):
        spread = float(np.nanmax(np.abs(expected[0] - expected[1]), initial=0.0))
    tolerance = atol + rtol * float(np.nanmax(np.abs(expected), initial=0.0))
    return replace(found, spread=spread, is_weak=spread <= tolerance)


def _best_match(
    name: str, actual: np.ndarray, expected: np.ndarray, axes: Axes | None, rtol: float, atol: float
) -> OutputCheck:
    """Transposed as is known; or as they are, else with channels moved: the first that agrees, else the first."""
    if axes is not None and actual.ndim == len(axes):
        return OutputCheck(name, compare(actual.transpose(axes), expected, rtol, atol), None if _stays(axes) else axes)
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
