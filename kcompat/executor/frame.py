"""A program's steps as machine words, with memory of their own: what one call at a time can run."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import TensorType
from ..ir.types import numpy_name
from ..plan.program import Address, Buffer, HostStep, Key, Program, Runs
from ..reference import run_node
from .team import get_num_threads

OBJECT_HEADER = object.__basicsize__
"""Bytes before the first own field of a Python object; an ndarray's is the address of its data."""

_HEADER, _ALIGNMENT = 3, 64

Kernel: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)


class Frame:
    """Runs a program on arrays. For one caller at a time."""

    def __init__(self, program: Program, kernels: dict[Key, int], call: Callable[..., None]) -> None:
        self.program = program
        self._call = call
        self._arena = np.empty(program.arena + _ALIGNMENT, np.uint8)
        self._base = -(-self._arena.ctypes.data // _ALIGNMENT) * _ALIGNMENT
        self._flag = np.zeros(1, np.int64)
        self._kept = [buffer.array for buffer in program.buffers()]
        self._patches: list[tuple[int, int, int]] = []
        self._segments: list[tuple[int, int] | HostStep] = []
        self._guarded = 0
        self._inner: list[tuple[np.ndarray, list[Frame]]] = []
        self.is_parallel = False
        words = self._encode(program, kernels)
        self._code = np.array(words, np.int64)
        origin = self._code.ctypes.data
        self._segments = [
            segment if isinstance(segment, HostStep) else (origin + 8 * segment[0], origin + 8 * segment[1])
            for segment in self._segments
        ]
        self._objects = (ctypes.c_int64 * max(len(program.inputs) + len(program.variables) + len(program.outputs), 1))()
        places = [(origin + 8 * word, number, offset) for word, number, offset in self._patches]
        self._places = np.array(places or [(0, 0, 0)], np.int64)
        self._words = np.zeros(8, np.int64)
        self._words[3:7] = (
            self._places.ctypes.data,
            len(places),
            ctypes.addressof(self._objects),
            OBJECT_HEADER,
        )
        self._address = self._words.ctypes.data

    def run(self, arrays: Sequence[np.ndarray], outputs: Sequence[np.ndarray], team: int = 0) -> None:
        """Fill the outputs. Arrays are contiguous, of the program's types. team: its address, 0 for none."""
        objects = self._objects
        for number, array in enumerate((*arrays, *outputs)):
            objects[number] = id(array)
        for number, segment in enumerate(self._segments):
            if number == self._guarded and self._flag[0]:
                return
            if isinstance(segment, HostStep):
                self._run_host(segment, arrays, outputs)
            else:
                self._run_steps(*segment, team)

    def quick_words(self, team: int) -> np.ndarray:
        """The frame for `walk.quick_call`, set to run all steps, the address of its flag and that of the first step
        behind the guards; then how many inputs there are, and what each must be: its dtype object, its number of
        axes, its sizes."""
        segments = [segment for segment in self._segments if not isinstance(segment, HostStep)]
        words = self._words
        words[0], words[1], words[7] = segments[0][0], segments[-1][1], team
        head = [*words, self._flag.ctypes.data, segments[self._guarded][0], len(self.program.inputs)]
        for type in self.program.inputs:
            head += [id(np.dtype(numpy_name(type.dtype))), type.rank, *type.shape]
        return np.array(head, np.int64)

    def take_flag(self) -> bool:
        """Whether a kernel of the last run found its inputs wrong."""
        if not self._flag[0]:
            return False
        self._flag[0] = 0
        return True

    def _run_steps(self, first: int, end: int, team: int) -> None:
        words = self._words
        words[0], words[1], words[7] = first, end, team
        self._call(self._address, 0, 0)

    # --- encoding ---------------------------------------------------------------

    def _encode(self, program: Program, kernels: dict[Key, int]) -> list[int]:
        words: list[int] = []
        inputs = len(program.inputs) + len(program.variables)
        start = 0
        for number, step in enumerate(program.steps):
            if number == program.guards and number:
                self._close(words, start)
                self._guarded, start = len(self._segments), len(words)
            if isinstance(step, HostStep):
                self._close(words, start)
                self._segments.append(step)
                start = len(words)
                continue
            self.is_parallel |= step.parts > 0
            words += [8 * (_HEADER + len(step.arguments)), kernels[step.kernel], step.parts]
            for argument in step.arguments:
                words.append(self._word(argument, len(words), kernels, inputs))
        self._close(words, start)
        return words

    def _close(self, words: list[int], start: int) -> None:
        """End a run of kernel calls."""
        if len(words) > start:
            self._segments.append((start, len(words)))

    def _word(self, argument: object, place: int, kernels: dict[Key, int], inputs: int) -> int:
        if isinstance(argument, int):
            return argument
        if isinstance(argument, tuple):
            return kernels[argument]
        if isinstance(argument, Runs):
            return self._repeat(argument, kernels)
        assert isinstance(argument, Address)
        buffer = argument.buffer
        if buffer.kind in ("input", "output"):
            number = buffer.place + (inputs if buffer.kind == "output" else 0)
            self._patches.append((place, number, argument.offset))
            return 0
        return self._start(buffer) + argument.offset

    def _repeat(self, runs: Runs, kernels: dict[Key, int]) -> int:
        """The address of the table for `runs.runs`: a frame for each thread, since each is in another run."""
        frames = [Frame(runs.program, kernels, self._call) for _ in range(get_num_threads())]
        table = np.array([len(frames), *(word for frame in frames for word in frame._inner_words())], np.int64)
        self._inner.append((table, frames))
        return int(table.ctypes.data)

    def _inner_words(self) -> list[int]:
        """The frame as a row of the table for `runs.runs`."""
        (segment,) = self._segments
        assert not isinstance(segment, HostStep)
        return [0, *segment, self._places.ctypes.data, int(self._words[4])]

    def _start(self, buffer: Buffer) -> int:
        if buffer.kind == "flag":
            return self._flag.ctypes.data
        if buffer.array is not None:
            return buffer.array.ctypes.data
        return self._base + buffer.place

    # --- host steps -------------------------------------------------------------

    def _run_host(self, step: HostStep, arrays: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
        operands = [None if item is None else self._view(*item, arrays, outputs) for item in step.inputs]
        with np.errstate(all="ignore"):
            results = run_node(step.node, operands)
        for result, (address, type) in zip(results, step.outputs, strict=True):
            self._view(address, type, arrays, outputs)[...] = result

    def _view(
        self, address: Address, type: TensorType, arrays: Sequence[np.ndarray], outputs: Sequence[np.ndarray]
    ) -> np.ndarray:
        """The array at a place."""
        buffer, dtype = address.buffer, np.dtype(numpy_name(type.dtype))
        if buffer.kind == "arena":
            memory, offset = self._arena, self._base - self._arena.ctypes.data + buffer.place + address.offset
        else:
            owner = {"input": arrays, "output": outputs}.get(buffer.kind)
            memory = buffer.array if owner is None else owner[buffer.place]  # type: ignore[assignment]
            offset = address.offset
        return np.ndarray(type.shape, dtype, memory.data if memory.flags.c_contiguous else memory, offset)  # type: ignore[arg-type]
