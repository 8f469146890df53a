"""Reads `fixtures/operations`: what keras.ops computes; see `fixtures/generators/operations.py`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "operations"
GROUPS = [path.stem for path in sorted(FOLDER.glob("*.npz")) if path.stem != "tensorflow"]


@dataclass(frozen=True)
class OperationCase:
    """One call of one function of keras.ops, with Keras's numbers for it."""

    group: str
    record: dict[str, Any]

    @property
    def function(self) -> str:
        return self.record["function"]

    @property
    def node(self) -> dict[str, Any] | None:
        """Keras's entry for the operation in a model, if the call makes exactly one."""
        return self.record["node"]

    @property
    def open_batch(self) -> bool:
        return self.record["open_batch"]

    @property
    def declared(self) -> list[tuple[tuple[int | None, ...], str]]:
        """Shapes and dtypes of the outputs in a model."""
        return [(tuple(shape), dtype) for shape, dtype in self.record["declared"]]

    @property
    def inputs(self) -> list[np.ndarray]:
        return self.arrays("input", self.record["inputs"])

    @property
    def outputs(self) -> list[np.ndarray]:
        return self.arrays("output", self.record["outputs"])

    def arrays(self, kind: str, count: int) -> list[np.ndarray]:
        stored = _stored(self.group)
        return [stored[f"{self.record['name']}/{kind}_{index}"] for index in range(count)]

    def arguments(self, inputs: list[Any]) -> tuple[list[Any], dict[str, Any]]:
        """The call's arguments with these tensors in the places of its inputs."""
        tensors = {"input": inputs, "constant": self.arrays("constant", self.record["constants"])}
        args = [_filled(argument, tensors) for argument in self.record["args"]]
        return args, {key: _filled(value, tensors) for key, value in self.record["kwargs"].items()}

    def __str__(self) -> str:
        return self.record["name"]


def _filled(argument: Any, tensors: dict[str, list[Any]]) -> Any:
    if isinstance(argument, list):
        return [_filled(item, tensors) for item in argument]
    if not isinstance(argument, dict):
        return argument
    if "slice" in argument:
        return slice(*argument["slice"])
    if "ellipsis" in argument:
        return Ellipsis
    kind, index = next(iter(argument.items()))
    return tensors[kind][index]


@cache
def _stored(group: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{group}.npz") as archive:
        return {key: archive[key] for key in archive}


def all_cases() -> list[OperationCase]:
    return [
        OperationCase(group, record)
        for group in GROUPS
        for record in json.loads((FOLDER / f"{group}.json").read_text())["cases"]
    ]


def signatures() -> dict[str, list[str]]:
    """The names of the arguments of every function of keras.ops."""
    return json.loads((FOLDER / "signatures.json").read_text())["signatures"]
