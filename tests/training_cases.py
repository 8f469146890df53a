"""Reads `fixtures/training`: what real Keras computes in training; see `fixtures/generators/training.py`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).resolve().parent.parent / "fixtures" / "training"


@cache
def arrays(stem: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{stem}.npz") as stored:
        return dict(stored)


def data(name: str | None) -> np.ndarray | None:
    """An array that cases of losses and metrics name."""
    return None if name is None else arrays("data")[name]


def records(stem: str) -> list[dict[str, Any]]:
    return json.loads((FOLDER / f"{stem}.json").read_text(encoding="utf-8"))["cases"]


def expected(stem: str, record: dict[str, Any], key: str) -> np.ndarray:
    return arrays(stem)[f"{record['name']}/{key}"]


def assert_close(actual: Any, wanted: Any, message: str = "") -> None:
    actual, wanted = np.asarray(actual), np.asarray(wanted)
    assert actual.shape == wanted.shape, message
    np.testing.assert_allclose(actual.astype("f8"), wanted.astype("f8"), rtol=1e-4, atol=1e-5, err_msg=message)
