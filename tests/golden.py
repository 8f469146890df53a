"""Reads `fixtures/golden`: whole models that real Keras versions wrote, with their outputs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kcompat.config import CLASSES
from kcompat.converters.keras.tensorflow import NODES
from kcompat.models import Model, load_model, model_from_json

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "golden"

_READ_AS_OTHERS = frozenset(
    {
        *("AtrousConvolution1D", "AtrousConvolution2D", "Deconvolution2D", "Merge", "TimeDistributedDense"),
        *("ConvLSTMCell", "ConvLSTM1DCell", "ConvLSTM2DCell", "ConvLSTM3DCell"),
    }
)
"""Classes of Keras 1 that are read as other layers, and cells that are part of their layers."""


@dataclass(frozen=True)
class GoldenFile:
    """One file of one golden model: a whole model, or weights beside architecture JSON."""

    record: dict[str, Any]
    kind: str
    path: str

    @property
    def options(self) -> dict[str, Any]:
        """What a person must know about the file beside its name: Keras 1 records no backend."""
        if not self.record["era"].startswith("keras1"):
            return {}
        return {"original_backend": self.record["keras_backend"]}

    @property
    def dim_ordering(self) -> dict[str, Any]:
        """What some layers of Keras 1 do not record either."""
        ordering = self.record.get("image_dim_ordering")
        return {"image_dim_ordering": ordering} if ordering else {}

    @property
    def unknown_layers(self) -> set[str]:
        """Layer classes of the model for which kcompat has no layer."""
        known = {*CLASSES["keras.layers"], *CLASSES["keras.models"], *_READ_AS_OTHERS, *NODES}
        return set(self.record["layers"]) - known

    def load(self, **options: Any) -> Model:
        options = {**self.dim_ordering, **options}
        if self.kind.startswith("weights_"):
            architecture = next(entry for entry in self.record["files"] if entry["kind"] == "json")
            model = model_from_json((FOLDER / architecture["path"]).read_text(), **options)
            model.load_weights(FOLDER / self.path, **self.options)
            return model
        return load_model(FOLDER / self.path, **self.options, **options)

    def arrays(self, prefix: str) -> list[np.ndarray]:
        with np.load(FOLDER / self.record["npz"]) as archive:
            count = sum(key.startswith(f"{prefix}_") for key in archive.files)
            return [archive[f"{prefix}_{index}"] for index in range(count)]

    def check(self, model: Model) -> None:
        """Assert that the model's predictions are the recorded ones."""
        inputs = self.arrays("input")
        outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs
        outputs = outputs if isinstance(outputs, list) else [outputs]
        expected = self.arrays("output")
        assert len(outputs) == len(expected)
        tolerance = {"rtol": 1e-4, "atol": 1e-5, **(self.record.get("tol") or {})}
        for array, reference in zip(outputs, expected, strict=True):
            assert array.shape == reference.shape
            np.testing.assert_allclose(array.astype(np.float64), reference.astype(np.float64), **tolerance)

    def __str__(self) -> str:
        return self.path


def golden_files(expect: str) -> list[GoldenFile]:
    """Every file of the models that are to be loaded ("load"), refused, or loaded with a class supplied."""
    records = json.loads((FOLDER / "index.json").read_text())
    return [
        GoldenFile(record, entry["kind"], entry["path"])
        for record in records
        if record["expect"] == expect
        for entry in record["files"]
        if entry["kind"] != "json"
    ]
