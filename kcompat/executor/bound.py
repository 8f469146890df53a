"""Code with its kernels, and frames for as many calls as run at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import changes
from ..kernels import addresses
from .code import Code
from .frame import Frame, Kernel
from .team import team

if TYPE_CHECKING:
    from ..ir import Variable
    from .quick import QuickCall

_QUICK = ("walk.quick_call", ())
_CALL, _SERVE = ("walk.call", ()), ("teamwork.serve", ())


class Bound:
    """Code ready to run. variables: whose memory follows the inputs; updated: those that a run changes."""

    def __init__(self, code: Code, variables: Sequence[Variable] = (), updated: Sequence[Variable] = ()) -> None:
        self.code, self._variables, self._updated = code, variables, updated
        self._kernels = addresses([*code.kernels(), _CALL, *([_QUICK] if code.is_quick else ())])
        self._call = Kernel(self._kernels[_CALL])
        self._inputs = [np.dtype(dtype) for _, dtype in code.inputs]
        self._outputs = [(shape, np.dtype(dtype)) for shape, dtype in code.outputs]
        self._free: list[Frame] = []
        self._held: list[np.ndarray] = []
        self._changes = -1

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of the inputs."""
        return tuple([shape for shape, _ in self.code.inputs])

    def quick_call(self) -> QuickCall:
        """The code as a function of its inputs, if it is quick."""
        from .quick import QuickCall

        return QuickCall(self._quick_frame, self._kernels[_QUICK], self._outputs)

    def _quick_frame(self) -> tuple[Frame, np.ndarray]:
        frame = self._frame()
        return frame, frame.quick_words(self._team())

    def _frame(self) -> Frame:
        return Frame(self.code, self._kernels, self._call)

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        """The outputs; None if a kernel found the inputs wrong, and the meanings say what is."""
        arrays = [
            a if type(a) is np.ndarray and a.dtype == dtype and a.flags.c_contiguous else np.ascontiguousarray(a, dtype)
            for a, dtype in zip(arrays, self._inputs, strict=True)
        ]
        arrays += self._memory()
        outputs: list[Any] = [np.empty(shape, dtype) for shape, dtype in self._outputs]
        try:
            frame = self._free.pop()
        except IndexError:
            frame = self._frame()
        try:
            frame.run(arrays, outputs, self._team())
            if frame.take_flag():
                return None
        finally:
            self._free.append(frame)
        self._note_updates()
        return outputs

    def _memory(self) -> list[np.ndarray]:
        """The memory of the variables, which is another where a value has been assigned."""
        count = changes.count
        if self._changes != count:
            self._held = [variable.memory() for variable in self._variables]
            self._changes = count
        return self._held

    def _note_updates(self) -> None:
        for variable in self._updated:
            variable.changed()
        if changes.count == self._changes + len(self._updated):
            self._changes = changes.count

    def _team(self) -> int:
        return team(_serve) if self.code.is_parallel else 0


def _serve() -> Kernel:
    """What a member of a team runs."""
    return Kernel(addresses([_SERVE])[_SERVE])
