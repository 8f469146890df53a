"""Models whose losses are scaled, saved and continued."""

from __future__ import annotations

import numpy as np

import kcompat
from kcompat.layers import Dense, Input
from kcompat.optimizers import Adam, LossScaleOptimizer


def test_scaled_training_is_unscaled_training(tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 3)).astype("f"), rng.normal(size=(16, 2)).astype("f")
    plain = kcompat.Sequential([Input((3,)), Dense(2)])
    scaled = kcompat.models.clone_model(plain)
    scaled.set_weights(plain.get_weights())
    plain.compile(Adam(0.1), loss="mse")
    scaled.compile(LossScaleOptimizer(Adam(0.1), initial_scale=8.0, dynamic_growth_steps=2), loss="mse")
    for model in (plain, scaled):
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for ours, theirs in zip(scaled.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
    assert float(scaled.optimizer.dynamic_scale.value) == 8 * 2**4
    scaled.save(tmp_path / "scaled.keras")
    again = kcompat.load_model(tmp_path / "scaled.keras")
    assert isinstance(again.optimizer, LossScaleOptimizer)
    for model in (plain, again):
        model.fit(x, y, batch_size=16, verbose=0)
    for ours, theirs in zip(again.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)
