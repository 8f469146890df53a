"""Losses, metrics and optimizers that people write in IR, as docs/losses_and_optimizers.md shows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import kcompat
from kcompat.layers import Dense, Input

PAGE = Path(__file__).resolve().parents[2] / "docs" / "losses_and_optimizers.md"


def documented() -> dict[str, type]:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, type] = {"kcompat": kcompat}
    exec(code, names)
    return names


def test_the_documented_classes_train():
    names = documented()
    model = kcompat.Sequential([Input((2,)), Dense(1, use_bias=False)])
    model.set_weights([np.zeros((2, 1))])
    optimizer = names["Signed"](0.5, weight_decay=0.5)
    model.compile(optimizer, loss=names["Margin"](), metrics=[names["Largest"]()])
    x, y = np.array([[1.0, -1.0], [2.0, -2.0]]), np.ones((2, 1))
    history = model.fit(x, y, batch_size=2, epochs=2, shuffle=False, verbose=0).history
    np.testing.assert_allclose(history["loss"], [1.0, 0.0])
    np.testing.assert_allclose(history["largest"], [0.0, 2.0])
    np.testing.assert_allclose(model.get_weights()[0], [[0.375], [-0.375]])
