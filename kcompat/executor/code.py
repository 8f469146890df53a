"""A program as machine words, without the addresses that each frame has of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np

from ..kernels import Key

ARENA, FLAG, SOURCES = 0, 1, 2
"""Origins of addresses: the frame's memory, the word that a kernel sets to refuse the inputs, the first source."""

Source: TypeAlias = "Key | np.ndarray | list[Code]"
"""What has an address: a kernel, a constant, or codes that a step runs again and again, all in the same memory."""

Typed = tuple[tuple[int, ...], str]
"""Shape and NumPy's name of the dtype."""


class Code:
    """words: int64; each kernel call is `bytes, kernel, parts, arguments...`, with 0 for addresses.

    links: int64 rows (word, origin, offset), the addresses that stay. origin: ARENA, FLAG, or SOURCES + the number of
    one of the `sources`. places: int64 rows (word, number, offset), the addresses in the arrays of a call: inputs,
    variables, outputs. segments: runs of kernel calls as (first word, end), and steps of the host between them.
    guards: how many segments look whether the inputs are right. arena: bytes of a frame's memory. is_parallel: whether
    a call is divided among threads; is_brief: if that is found by trying. variables: how many arrays follow the
    inputs. inputs, outputs: their types.
    """

    __slots__ = (
        "arena",
        "guards",
        "inputs",
        "is_brief",
        "is_parallel",
        "links",
        "outputs",
        "places",
        "segments",
        "sources",
        "variables",
        "words",
    )

    def __init__(
        self,
        words: np.ndarray,
        links: np.ndarray,
        places: np.ndarray,
        sources: Sequence[Source],
        segments: Sequence[Any],
        *,
        inputs: Sequence[Typed],
        outputs: Sequence[Typed],
        arena: int,
        is_parallel: bool,
        is_brief: bool = False,
        guards: int = 0,
        variables: int = 0,
    ) -> None:
        self.words, self.links, self.places = words, links, places
        self.sources, self.segments, self.guards = sources, segments, guards
        self.inputs, self.outputs, self.variables = inputs, outputs, variables
        self.arena, self.is_parallel, self.is_brief = arena, is_parallel, is_brief

    @property
    def has_host_steps(self) -> bool:
        return not all(isinstance(segment, tuple) for segment in self.segments)

    @property
    def is_quick(self) -> bool:
        """Whether a call is nothing but a walk over kernel calls, on inputs and outputs alone."""
        return bool(self.inputs and self.outputs) and not self.variables and not self.has_host_steps

    def kernels(self) -> Iterator[Key]:
        """Every kernel that is called."""
        for source in self.sources:
            if isinstance(source, list):
                for code in source:
                    yield from code.kernels()
            elif isinstance(source, tuple):
                yield source
