"""Programs -> code."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import TensorType
from ..ir.types import numpy_name
from ..plan.program import Address, Argument, Buffer, HostStep, Program, Runs, Step
from .code import ARENA, FLAG, SOURCES, Code, Source, Typed

_HEADER = 3

_BRIEF = 2e7
"""Nanoseconds of estimated work up to which trying decides whether threads share a program."""


def encode(program: Program) -> Code:
    """A program's steps as words."""
    return _Encoder(program).run()


class _Encoder:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._inputs = len(program.inputs) + len(program.variables)
        self._words: list[int] = []
        self._links: list[tuple[int, int, int]] = []
        self._places: list[tuple[int, int, int]] = []
        self._sources: list[Source] = []
        self._numbers: dict[Any, int] = {}
        self._segments: list[tuple[int, int] | HostStep] = []
        self._start = 0

    def run(self) -> Code:
        program = self._program
        guards = 0
        for number, step in enumerate(program.steps):
            if number == program.guards and number:
                self._close()
                guards = len(self._segments)
            if isinstance(step, HostStep):
                self._close()
                self._segments.append(step)
            else:
                self._add(step)
        self._close()
        steps = [step for step in program.steps if isinstance(step, Step)]
        return Code(
            np.array(self._words, np.int64),
            np.array(self._links, np.int64).reshape(-1, 3),
            np.array(self._places, np.int64).reshape(-1, 3),
            self._sources,
            self._segments,
            inputs=list(map(_typed, program.inputs)),
            outputs=list(map(_typed, program.outputs)),
            arena=program.arena,
            is_parallel=any(step.parts > 0 for step in steps),
            is_brief=sum(step.work for step in steps) < _BRIEF,
            guards=guards,
            variables=len(program.variables),
        )

    def _close(self) -> None:
        """End a run of kernel calls."""
        if len(self._words) > self._start:
            self._segments.append((self._start, len(self._words)))
        self._start = len(self._words)

    def _add(self, step: Step) -> None:
        self._words.append(8 * (_HEADER + len(step.arguments)))
        self._refer(step.kernel)
        self._words.append(step.parts)
        for argument in step.arguments:
            self._refer(argument)

    def _refer(self, argument: Argument) -> None:
        """Add a word: a number, or 0 and what address goes there."""
        place = len(self._words)
        self._words.append(argument if isinstance(argument, int) else 0)
        if isinstance(argument, Address):
            self._refer_to(place, argument.buffer, argument.offset)
        elif isinstance(argument, Runs):
            self._links.append((place, self._origin(id(argument), list(map(encode, argument.programs))), 0))
        elif isinstance(argument, tuple):
            self._links.append((place, self._origin(argument, argument), 0))

    def _refer_to(self, place: int, buffer: Buffer, offset: int) -> None:
        if buffer.kind in ("input", "output"):
            first = self._inputs if buffer.kind == "output" else 0
            self._places.append((place, first + buffer.place, offset))
        elif buffer.array is not None:
            self._links.append((place, self._origin(id(buffer.array), buffer.array), offset))
        elif buffer.kind == "flag":
            self._links.append((place, FLAG, offset))
        else:
            self._links.append((place, ARENA, buffer.place + offset))

    def _origin(self, key: Any, source: Source) -> int:
        number = self._numbers.setdefault(key, len(self._sources))
        if number == len(self._sources):
            self._sources.append(source)
        return SOURCES + number


def _typed(type: TensorType) -> Typed:
    return type.shape, numpy_name(type.dtype)  # type: ignore[return-value]  # plans are made for known sizes
