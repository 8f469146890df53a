"""Models with operations, written by kcompat and loaded by Keras 3."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import kcompat
from kcompat import layers, ops
from kcompat.models import Functional, model_from_json

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "operations"
X = np.random.default_rng(0).normal(size=(3, 6, 4)).astype(np.float32)


def many_operations() -> Functional:
    x = kcompat.Input((6, 4), name="x")
    y = ops.relu(x * 2.0 - 0.5) + abs(x) / 3.0
    q = layers.Dense(4)(y)
    weights = ops.softmax(ops.matmul(q, ops.transpose(q, (0, 2, 1))) * 0.5)
    part = ops.einsum("bij,bjk->bik", weights, y)[:, 1:4, ::2]
    z = ops.concatenate([ops.reshape(part, (-1, 6)), ops.mean(y, axis=1) - ops.max(x, axis=[1])], axis=-1)
    z = ops.where(z > 0, z, 0.1 * z) + np.arange(10, dtype=np.float32)
    a, b = ops.split(ops.rms_normalization(ops.layer_normalization(z)), 2, axis=-1)
    heads = ops.dot_product_attention(*[ops.expand_dims(x, 2)] * 3, is_causal=True)
    ends = [layers.Dense(3)(ops.pad(a, ((0, 0), (1, 0)))), ops.top_k(b, 2)[0], (~(b > 0.5)) & (b != 1.0)]
    return Functional(x, [*ends, round(b, 1) ** 2 % 0.3, heads, ops.average(b, axis=1), x[..., None, -1]])


def check(keras: ModuleType, model: Functional, path: Path, *inputs: np.ndarray) -> None:
    """Assert that Keras computes the same with a model that kcompat writes."""
    model.save(path)
    feed = list(inputs) if len(inputs) > 1 else inputs[0]
    expected = model.predict(feed, verbose=0)
    actual = keras.models.load_model(path).predict(feed, verbose=0)
    for array, reference in zip(_listed(actual), _listed(expected), strict=True):
        assert array.dtype == reference.dtype
        np.testing.assert_allclose(array, reference, rtol=1e-4, atol=1e-5)


def _listed(outputs: object) -> list[np.ndarray]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [np.asarray(outputs)]


def test_operations(keras: ModuleType, tmp_path: Path) -> None:
    check(keras, many_operations(), tmp_path / "model.keras", X)


@pytest.mark.parametrize(
    "name",
    [
        *("operators", "comparisons", "matmul_transposed", "reshape_by_shape_and_rest", "split_sizes", "top_k"),
        *("strided_slice", "image.resize_bicubic", "constant_array", "pad_value", "where_number", "cumsum_reverse"),
    ],
)
def test_functions_of_tensorflow(keras: ModuleType, name: str, tmp_path: Path) -> None:
    records = json.loads((FOLDER / "tensorflow.json").read_text())["cases"]
    model = model_from_json(json.dumps(next(record["model"] for record in records if record["name"] == name)))
    with np.load(FOLDER / "tensorflow.npz") as stored:
        inputs = [stored[f"{name}/input_{index}"] for index in range(len(model.inputs))]
    check(keras, model, tmp_path / "model.keras", *inputs)
