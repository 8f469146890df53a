"""Small files in the layout that Keras writes."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

MODEL_CONFIG = {
    "class_name": "Sequential",
    "config": {
        "name": "sequential",
        "layers": [{"class_name": "Dense", "config": {"name": "dense", "units": 3}}],
    },
}


def weights_h5(path: Path | io.BytesIO) -> None:
    """A `.weights.h5` with Dense and BatchNormalization, as saving_lib lays it out."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        for name, shapes in {"dense": [(4, 3), (3,)], "batch_normalization": [(3,)] * 4}.items():
            variables = file.create_group(f"layers/{name}/vars")
            variables.attrs["name"] = name
            for index, shape in enumerate(shapes):
                variables[str(index)] = rng.normal(size=shape).astype(np.float32)


@pytest.fixture
def whole_model_h5(tmp_path: Path) -> Path:
    """A whole model as Keras 2 saves it, with bytes and str attributes."""
    path = tmp_path / "model.h5"
    rng = np.random.default_rng(0)
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["backend"] = "tensorflow"
        file.attrs["model_config"] = json.dumps(MODEL_CONFIG).encode()
        weights = file.create_group("model_weights")
        weights.attrs["layer_names"] = [b"input_1", b"dense"]
        weights.create_group("input_1").attrs["weight_names"] = np.array([])
        dense = weights.create_group("dense")
        dense.attrs["weight_names"] = [b"dense/kernel:0", b"dense/bias:0"]
        dense["dense/kernel:0"] = rng.normal(size=(4, 3)).astype(np.float32)
        dense["dense/bias:0"] = rng.normal(size=3).astype(np.float32)
    return path


@pytest.fixture
def keras_members() -> dict[str, bytes]:
    buffer = io.BytesIO()
    weights_h5(buffer)
    return {
        "metadata.json": b'{"keras_version": "3.15.0", "date_saved": "2026-01-01@00:00:00"}',
        "config.json": json.dumps(MODEL_CONFIG).encode(),
        "model.weights.h5": buffer.getvalue(),
    }


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    """Writes members, by name or by ZipInfo, to a zip file and gives its path."""

    def write(
        members: dict[str, bytes] | list[tuple[str | zipfile.ZipInfo, bytes]],
        method: int = zipfile.ZIP_STORED,
        name: str = "model.keras",
    ) -> Path:
        path = tmp_path / name
        items = list(members.items()) if isinstance(members, dict) else members
        with zipfile.ZipFile(path, "w", method) as archive:
            for member, data in items:
                archive.writestr(member, data)
        return path

    return write
