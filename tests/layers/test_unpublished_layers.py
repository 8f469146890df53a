"""Layers of Keras's own models that no namespace shows: ConvNeXt, InceptionResNetV2, FeatureSpace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kcompat import layers, models
from kcompat.config import CLASSES
from kcompat.errors import ConfigError, UnknownLayerError

X = np.random.default_rng(9).standard_normal((2, 4)).astype(np.float32)
GAMMA = np.array([0.5, 1.5, 2.5, 3.5], np.float32)
CONVNEXT = "keras.src.applications.convnext"
FEATURES = "keras.src.layers.preprocessing.feature_space"


def tensor(layer: str) -> dict[str, Any]:
    config = {"shape": [None, 4], "dtype": "float32", "keras_history": [layer, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def entry(module: str | None, class_name: str, name: str, argument: Any, **config: Any) -> dict[str, Any]:
    """A layer as Keras 3.15 writes it, beside its public ones."""
    document = {"module": module, "class_name": class_name, "config": {"name": name, "trainable": True, **config}}
    return {
        **document,
        "registered_name": class_name,
        "name": name,
        "inbound_nodes": [{"args": [argument], "kwargs": {}}],
    }


def document(module: str = CONVNEXT, **options: Any) -> str:
    source = {"name": "in", "batch_shape": [None, 4], "dtype": "float32"}
    options = {"init_values": 1e-6, "projection_dim": 4, **options}
    config = {
        "name": "model",
        "layers": [
            {
                "module": "keras.layers",
                "class_name": "InputLayer",
                "config": source,
                "name": "in",
                "inbound_nodes": [],
            },
            entry(module, "LayerScale", "scaled", tensor("in"), **options),
            entry(CONVNEXT, "StochasticDepth", "kept", tensor("scaled"), drop_path_rate=0.2),
            entry(
                "keras.src.applications.inception_resnet_v2",
                "CustomScaleLayer",
                "sum",
                [tensor("kept"), tensor("in")],
                scale=0.3,
            ),
            entry(FEATURES, "TFDIdentity", "same", tensor("sum")),
            entry(FEATURES, "TFDConcat", "both", [tensor("same"), tensor("in")], axis=-1),
        ],
        "input_layers": ["in", 0, 0],
        "output_layers": ["both", 0, 0],
    }
    return json.dumps({"class_name": "Functional", "config": config})


def filled() -> models.Model:
    model = models.model_from_json(document())
    model.set_weights([GAMMA])
    return model


@pytest.mark.parametrize("name", ["m.keras", "m.h5"])
def test_models_with_them_are_read_and_written(tmp_path: Path, name: str) -> None:
    expected = np.concatenate([X * GAMMA + np.float32(0.3) * X, X], axis=-1)
    filled().save(tmp_path / name)
    model = models.load_model(tmp_path / name)
    np.testing.assert_allclose(model.predict(X, verbose=0), expected, rtol=1e-6)
    written = json.loads(model.to_json())["config"]["layers"]
    assert [layer["module"] for layer in written[1:3]] == [CONVNEXT, CONVNEXT]
    assert written[1]["registered_name"] == "LayerScale"


def test_keras_2_registers_one_under_another_name(tmp_path: Path) -> None:
    x = layers.Input((4,))
    total = CLASSES["keras.src.applications.inception_resnet_v2"]["CustomScaleLayer"](scale=0.5)
    models.Model(x, total([x, x])).save(tmp_path / "m.h5", form="keras2")
    with h5py.File(tmp_path / "m.h5") as file:
        config = json.loads(file.attrs["model_config"])["config"]
    assert config["layers"][1]["class_name"] == "Custom>CustomScaleLayer"
    np.testing.assert_allclose(models.load_model(tmp_path / "m.h5").predict(X, verbose=0), 1.5 * X, rtol=1e-6)


def test_layers_of_that_name_from_elsewhere_are_not_taken_for_them() -> None:
    with pytest.raises(UnknownLayerError, match=r"my_package\.LayerScale"):
        models.model_from_json(document("my_package"))
    with pytest.raises(ConfigError, match="dim"):
        models.model_from_json(document(dim=4))
