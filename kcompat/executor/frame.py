"""Code with the addresses of memory of its own: what one call at a time can run."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..kernels import Key
from .code import Code, Source
from .team import get_num_threads

OBJECT_HEADER = object.__basicsize__
"""Bytes before the first own field of a Python object; an ndarray's is the address of its data."""

_ALIGNMENT = 64

_PACE = 8
"""Words of a pace, as `kernels/pace.py` has them."""

Kernel: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Frame:
    """Runs code on arrays. For one caller at a time."""

    def __init__(
        self, code: Code, kernels: Mapping[Key, int], call: Callable[..., None], arena: np.ndarray | None = None
    ) -> None:
        """arena: memory for it, if it shares that with other code."""
        self.code = code
        self._call = call
        self._arena = _memory(code.arena) if arena is None else arena
        self._base = -(-self._arena.ctypes.data // _ALIGNMENT) * _ALIGNMENT
        self._flag = np.zeros(1, np.int64)
        self._inner: list[tuple[np.ndarray, list[Frame]]] = []
        self._words = self._linked(kernels)
        origin = self._words.ctypes.data
        self._segments: list[Any] = [
            (origin + 8 * segment[0], origin + 8 * segment[1]) if isinstance(segment, tuple) else segment
            for segment in code.segments
        ]
        self._places = np.vstack([code.places, np.zeros((1, 3), np.int64)])
        self._places[:-1, 0] = origin + 8 * code.places[:, 0]
        self._objects = (ctypes.c_int64 * max(len(code.inputs) + code.variables + len(code.outputs), 1))()
        self._head = np.zeros(8, np.int64)
        self._head[3:7] = (
            self._places.ctypes.data,
            len(code.places),
            ctypes.addressof(self._objects),
            OBJECT_HEADER,
        )
        self._address = self._head.ctypes.data
        self._paces = np.zeros((len(code.segments) if code.is_brief else 0, _PACE), np.int64)

    def run(self, arrays: Sequence[np.ndarray], outputs: Sequence[np.ndarray], team: int = 0) -> None:
        """Fill the outputs. Arrays are contiguous, of the code's types. team: its address, 0 for none."""
        objects = self._objects
        for number, array in enumerate((*arrays, *outputs)):
            objects[number] = id(array)
        for number, segment in enumerate(self._segments):
            if number == self.code.guards and self._flag[0]:
                return
            if isinstance(segment, tuple):
                self._run_steps(number, team)
            else:
                from .host import run_host

                run_host(segment, self.memory, arrays, outputs)

    def quick_words(self, team: int) -> np.ndarray:
        """The frame for `walk.quick_call`, set to run all steps, the address of its flag and that of the first step
        behind the guards; then how many inputs there are, and what each must be: its dtype object, its number of
        axes, its sizes."""
        segments, head = self._segments, self._head
        head[:3] = segments[0][0], segments[-1][1], self._pace(-1)
        head[7] = team
        words = [*head, self._flag.ctypes.data, segments[self.code.guards][0], len(self.code.inputs)]
        for shape, dtype in self.code.inputs:
            words += [id(np.dtype(dtype)), len(shape), *shape]
        return np.array(words, np.int64)

    def take_flag(self) -> bool:
        """Whether a kernel of the last run found its inputs wrong."""
        if not self._flag[0]:
            return False
        self._flag[0] = 0
        return True

    @property
    def memory(self) -> np.ndarray:
        """The frame's own memory, as bytes."""
        return self._arena[self._base - self._arena.ctypes.data :]

    def _run_steps(self, number: int, team: int) -> None:
        head = self._head
        head[0], head[1] = self._segments[number]
        head[2], head[7] = self._pace(number), team
        self._call(self._address, 0, 0)

    def _pace(self, number: int) -> int:
        """The address of a segment's pace; 0 if trying decides nothing."""
        return self._paces[number].ctypes.data if len(self._paces) else 0

    def _linked(self, kernels: Mapping[Key, int]) -> np.ndarray:
        """The words, with all addresses but those of the caller's arrays."""
        code = self.code
        origins = [self._base, self._flag.ctypes.data, *(self._start(source, kernels) for source in code.sources)]
        words = code.words.copy()
        words[code.links[:, 0]] = np.array(origins, np.int64)[code.links[:, 1]] + code.links[:, 2]
        return words

    def _start(self, source: Source, kernels: Mapping[Key, int]) -> int:
        if isinstance(source, np.ndarray):
            return source.ctypes.data
        if isinstance(source, list):
            return self._repeat(source, kernels)
        return kernels[source]

    def _repeat(self, codes: list[Code], kernels: Mapping[Key, int]) -> int:
        """The address of the table for `runs.runs`: frames for each thread, since each is in another run."""
        table, frames = [get_num_threads(), len(codes)], []
        for _ in range(get_num_threads()):
            arena = _memory(max(code.arena for code in codes))
            own = [Frame(code, kernels, self._call, arena) for code in codes]
            table += [0, *(word for frame in own for word in frame._inner_words())]
            frames += own
        words = np.array(table, np.int64)
        self._inner.append((words, frames))
        return int(words.ctypes.data)

    def _inner_words(self) -> list[int]:
        """The frame in the table for `runs.runs`."""
        ((first, end),) = self._segments
        return [first, end, self._places.ctypes.data, len(self.code.places)]


def _memory(size: int) -> np.ndarray:
    return np.empty(size + _ALIGNMENT, np.uint8)
