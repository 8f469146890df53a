"""LoRA: what layers with an addition of low rank compute, and how they are kept in files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kcompat import layers, models
from kcompat.errors import ArgumentError, SaveError

RNG = np.random.default_rng(11)
LAYERS: dict[str, tuple[Any, dict[str, Any], np.ndarray]] = {
    "dense": (layers.Dense, {"units": 3}, RNG.standard_normal((2, 4))),
    "einsum": (layers.EinsumDense, {"equation": "ab,bcd->adc", "output_shape": (3, 2)}, RNG.standard_normal((2, 4))),
    "embedding": (layers.Embedding, {"input_dim": 5, "output_dim": 3}, RNG.integers(0, 5, (2, 4))),
    "conv": (layers.Conv2D, {"filters": 4, "kernel_size": 2, "groups": 2}, RNG.standard_normal((2, 4, 4, 6))),
}


def filled(kind: str, **options: Any) -> Any:
    cls, config, x = LAYERS[kind]
    layer = cls(**config, **options, name="adapted")
    layer.build_once((None, *x.shape[1:]))
    layer.set_weights([np.random.default_rng(index).standard_normal(w.shape) for index, w in enumerate(layer.weights)])
    return layer


def merged(kind: str, layer: Any) -> Any:
    """The layer without an addition that has the sum for its kernel."""
    plain = filled(kind)
    by_name = {weight.name: weight.numpy() for weight in layer.weights}
    role = layer.adaptable
    addition = by_name[f"lora_{role}_a"] @ by_name[f"lora_{role}_b"] * 4 / 2
    for weight in plain.weights:
        weight.assign(by_name[weight.name] + (addition if weight.name == role else 0))
    return plain


def model_of(kind: str, layer: Any) -> models.Model:
    x = layers.Input(LAYERS[kind][2].shape[1:])
    return models.Model(x, layer(x))


@pytest.mark.parametrize("kind", LAYERS)
def test_the_addition(kind: str, tmp_path: Path) -> None:
    layer = filled(kind, lora_rank=2, lora_alpha=4)
    x = LAYERS[kind][2]
    expected = merged(kind, layer)(x)
    np.testing.assert_allclose(layer(x), expected, rtol=1e-4, atol=1e-5)
    role = layer.adaptable
    assert [w.name for w in layer.weights if w.trainable][-2:] == [f"lora_{role}_a", f"lora_{role}_b"]
    assert [w.name for w in layer.non_trainable_weights] == [role]
    for name in ("model.keras", "model.h5"):
        model_of(kind, layer).save(tmp_path / name)
        copy = models.load_model(tmp_path / name)
        np.testing.assert_allclose(copy.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
        assert {key: copy.layers[1].get_config()[key] for key in ("lora_rank", "lora_alpha")} == {
            "lora_rank": 2,
            "lora_alpha": 4,
        }


def test_archives_hold_the_sum(tmp_path: Path) -> None:
    """In Keras's order, kernel and bias; other files hold all four weights."""
    layer = filled("dense", lora_rank=2, lora_alpha=4)
    kernel = merged("dense", layer).kernel.numpy()
    model = model_of("dense", layer)
    model.save_weights(tmp_path / "m.weights.h5")
    with h5py.File(tmp_path / "m.weights.h5") as file:
        stored = file["layers/dense/vars"]
        assert list(stored) == ["0", "1"]
        np.testing.assert_allclose(stored["0"][()], kernel, rtol=1e-6)
    model.load_weights(tmp_path / "m.weights.h5")
    np.testing.assert_allclose(layer.kernel.numpy(), kernel, rtol=1e-6)
    assert not layer.lora_b.numpy().any()


def test_enabling_it_changes_nothing_at_first() -> None:
    layer = filled("dense")
    model = model_of("dense", layer)
    x = LAYERS["dense"][2]
    before = model.predict(x, verbose=0)
    layer.enable_lora(2)
    np.testing.assert_array_equal(model.predict(x, verbose=0), before)
    layer.lora_b.assign(np.ones((2, 3)))
    assert not np.allclose(model.predict(x, verbose=0), before)
    assert (layer.get_config()["lora_rank"], layer.get_config()["lora_alpha"]) == (2, 2)
    with pytest.raises(ArgumentError, match="already"):
        layer.enable_lora(2)


@pytest.mark.parametrize("kind", ["dense", "einsum", "embedding"])
def test_quantized_kernels(kind: str, tmp_path: Path) -> None:
    """The addition stays floating beside them, and cannot be merged into whole numbers."""
    layer = filled(kind, dtype="int8_from_float32", lora_rank=2)
    x = LAYERS[kind][2]
    for weight in layer.weights:
        if weight.name.endswith("scale"):
            weight.assign(np.full(weight.shape, 20.0))
    changed, addition = layer(x), layer.lora_b.numpy()
    with pytest.raises(SaveError, match="cannot be merged into a kernel of int8"):
        model_of(kind, layer).save(tmp_path / "model.keras")
    layer.lora_b.assign(np.zeros_like(addition))
    plain = layer(x)
    layer.lora_b.assign(2 * addition)
    np.testing.assert_allclose(layer(x) - plain, 2 * (changed - plain), rtol=1e-3, atol=1e-4)
    assert not np.allclose(changed, plain)


def test_what_it_does_not_go_with() -> None:
    with pytest.raises(ArgumentError, match="kernel_constraint and lora_rank cannot be combined"):
        filled("dense", lora_rank=2, kernel_constraint="non_neg")
    with pytest.raises(ArgumentError, match="is not built"):
        layers.Dense(2).enable_lora(2)
    with pytest.raises(ArgumentError, match="lora_rank"):
        layers.Dense(2, lora_rank=0)
