"""Whole trainings against real Keras: every logged number, the weights and the optimizer's variables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompat import callbacks
from kcompat.models import Model, load_model
from kcompat.tree import flatten, pack_like

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "training" / "runs"
RUNS = sorted(path.stem for path in FOLDER.glob("*.keras"))


class Run:
    """A model that Keras saved before it trained it, its data, and what came of it."""

    def __init__(self, name: str) -> None:
        with np.load(FOLDER / f"{name}.npz") as archive:
            self.arrays = {key: archive[key] for key in archive.files}
        self.options = json.loads(str(self.arrays["fit"]))
        self.logs: dict[str, list[float]] = json.loads(str(self.arrays["logs"]))
        self.model: Model = load_model(FOLDER / f"{name}.keras")

    def several(self, prefix: str) -> list[np.ndarray]:
        keys = [key for key in self.arrays if key.startswith(f"{prefix}_")]
        return [self.arrays[f"{prefix}_{index}"] for index in range(len(keys))]

    def part(self, rows: slice) -> tuple[Any, Any, Any]:
        weight = self.arrays.get("weight")
        x = pack_like(self.model.input_structure, [array[rows] for array in self.several("x")])
        y = pack_like(self.model.output_structure, [array[rows] for array in self.several("y")])
        return x, y, None if weight is None else weight[rows]

    def fit(self, **options: Any) -> dict[str, list[float]]:
        validating = self.options["validating"]
        x, y, weight = self.part(slice(None, -validating))
        validation = self.part(slice(-validating, None))
        class_weight = {int(key): value for key, value in self.options.get("class_weight", {}).items()}
        history = self.model.fit(
            x,
            y,
            sample_weight=weight,
            batch_size=self.options["batch_size"],
            epochs=self.options["epochs"],
            shuffle=False,
            verbose=0,
            validation_data=validation if weight is not None else validation[:2],
            class_weight=class_weight or None,
            **options,
        )
        return history.history


def assert_near(actual: Any, expected: Any) -> None:
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", RUNS)
def test_a_training(name: str) -> None:
    run = Run(name)
    losses: list[float] = []
    seen = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: losses.append(logs["loss"]))
    logs = run.fit(callbacks=[seen])
    assert len(losses) == len(run.arrays["losses"]) >= 20
    assert_near(losses, run.arrays["losses"])
    assert list(logs) == list(run.logs)
    for key, values in run.logs.items():
        assert_near(logs[key], values)
    for weight, expected in zip(run.model.weights, run.several("weight"), strict=True):
        assert_near(weight.value, expected)
    for variable, expected in zip(run.model.optimizer.variables, run.several("slot"), strict=True):
        assert_near(variable.value, expected)
    x, y, _ = run.part(slice(-run.options["validating"], None))
    assert_near(run.model.evaluate(x, y, batch_size=4, verbose=0), run.arrays["evaluated"])


def test_runs_cover_what_can_be_compiled() -> None:
    used = {type(Run(name).model.optimizer).__name__ for name in RUNS}
    assert len(used) >= 9
    assert any(len(flatten(Run(name).model.output_structure)) > 1 for name in RUNS)
