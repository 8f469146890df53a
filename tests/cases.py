"""Reads `fixtures/layers`: what real Keras computes for every layer; see `fixtures/generators/layers.py`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "layers"


@dataclass(frozen=True)
class LayerCase:
    """One configuration of one layer, with Keras's numbers for it.

    config: as Keras wrote it. input_shapes: batch first, None where open.
    weight_paths: Keras's name of each weight, in order.
    """

    stem: str
    record: dict[str, Any]

    @property
    def name(self) -> str:
        return self.record["name"]

    @property
    def class_name(self) -> str:
        return self.record["class_name"]

    @property
    def config(self) -> dict[str, Any]:
        return self.record["config"]

    @property
    def era(self) -> str:
        return self.record.get("era", "keras")

    @property
    def training(self) -> bool:
        return self.record.get("training", False)

    @property
    def model_config(self) -> dict[str, Any] | None:
        return self.record.get("model_config")

    @property
    def call_kwargs(self) -> dict[str, Any]:
        return self.record.get("call_kwargs", {})

    @property
    def input_shapes(self) -> list[tuple[int | None, ...]]:
        return [tuple(shape) for shape in self.record["input_shapes"]]

    @property
    def weight_paths(self) -> list[str]:
        return [path.split(":")[0] for path in self.record["weights"]]

    @property
    def inputs(self) -> list[np.ndarray]:
        return self.arrays("input", self.record["inputs"])

    @property
    def outputs(self) -> list[np.ndarray]:
        return self.arrays("output", self.record["outputs"])

    @property
    def weights(self) -> list[np.ndarray]:
        return self.arrays("weight", len(self.weight_paths))

    def arrays(self, kind: str, count: int) -> list[np.ndarray]:
        return [self.array(f"{kind}_{index}") for index in range(count)]

    @property
    def gradient_names(self) -> set[str]:
        """What `array` has gradients by: "grad_input_0", "grad_weight_1"."""
        prefix = f"{self.name}/"
        return {key.removeprefix(prefix) for key in _stored(self.stem) if key.startswith(f"{prefix}grad_")}

    def array(self, name: str) -> np.ndarray:
        """One stored array: "cotangent_0", "grad_input_1", "grad_weight_0"."""
        return _stored(self.stem)[f"{self.name}/{name}"]

    def arguments(self, inputs: list[Any]) -> tuple[Any, ...]:
        """The inputs as the layer is called on them: one, one list, or one by one."""
        if len(inputs) == 1 or self.record.get("call") == "args":
            return tuple(inputs)
        return (list(inputs),)

    def __str__(self) -> str:
        return f"{self.stem}-{self.class_name}-{self.name}" if self.era != "keras" else f"{self.stem}-{self.name}"


@cache
def _stored(stem: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{stem}.npz") as archive:
        return {key: archive[key] for key in archive}


@cache
def _records(stem: str) -> list[dict[str, Any]]:
    return json.loads((FOLDER / f"{stem}.json").read_text())["cases"]


def all_cases() -> Iterator[LayerCase]:
    """Every recorded case: of layers alone and inside models, in inference and in training."""
    for path in sorted(FOLDER.glob("*.json")):
        for record in _records(path.stem):
            yield LayerCase(path.stem, record)


def inference_cases() -> list[LayerCase]:
    """The cases of a layer alone in inference."""
    return [case for case in all_cases() if not case.training and case.model_config is None]


def named_case(stem: str, name: str) -> LayerCase:
    """One case by the name of its file and its own. Raises KeyError."""
    for record in _records(stem):
        if record["name"] == name:
            return LayerCase(stem, record)
    raise KeyError(f"{stem} has no case {name!r}")
