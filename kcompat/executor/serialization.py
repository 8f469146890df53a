"""Code <-> a description in plain types, and bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from .code import Code, Source

ALIGNMENT = 64
"""Of every array among the bytes, from their beginning."""

_TABLES = ("words", "links", "places")


class Writer:
    """Collects the bytes that descriptions refer to by place and length; an array that occurs again is there once."""

    def __init__(self) -> None:
        self.size = 0
        self._places: dict[int, list[int]] = {}
        self._arrays: list[tuple[int, np.ndarray]] = []

    def describe(self, code: Code) -> dict[str, Any]:
        """Code without steps of the host."""
        return {
            **{name: self._place(getattr(code, name)) for name in _TABLES},
            "sources": list(map(self._source, code.sources)),
            "segments": code.segments,
            "inputs": code.inputs,
            "outputs": code.outputs,
            "arena": code.arena,
            "is_parallel": code.is_parallel,
            "is_brief": code.is_brief,
            "guards": code.guards,
        }

    def _source(self, source: Source) -> Any:
        if isinstance(source, np.ndarray):
            return self._place(source)
        return {"runs": list(map(self.describe, source))} if isinstance(source, list) else source

    def _place(self, array: np.ndarray) -> list[int]:
        """Where an array's bytes are, and how many."""
        if id(array) not in self._places:
            self._places[id(array)] = [self.size, array.nbytes]
            self._arrays.append((self.size, array))
            self.size += array.nbytes + -array.nbytes % ALIGNMENT
        return self._places[id(array)]

    def fill(self, data: memoryview) -> None:
        """Write the bytes, `size` in all."""
        for place, array in self._arrays:
            data[place : place + array.nbytes] = array.reshape(-1).view(np.uint8).data


def code_of(description: dict[str, Any], data: np.ndarray) -> Code:
    """The code of a description; constants are views of the data."""

    def array(place: int, length: int) -> np.ndarray:
        return data[place : place + length]

    def source(described: Any) -> Source:
        if isinstance(described, dict):
            return [code_of(code, data) for code in described["runs"]]
        return array(*described) if isinstance(described, list) else described

    words, links, places = (array(*description.pop(name)).view(np.int64) for name in _TABLES)
    sources = [source(described) for described in description.pop("sources")]
    return Code(words, links.reshape(-1, 3), places.reshape(-1, 3), sources, **description)
