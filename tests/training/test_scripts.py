"""`fixtures/scripts`: code that people write for Keras, run with kcompat and held to what Keras made of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kcompat

FOLDER = Path(__file__).resolve().parents[2] / "fixtures"
EXPECTED = np.load(FOLDER / "training" / "scripts.npz")
NAMES = sorted({key.partition("/")[0] for key in EXPECTED.files})


def load(stem: str) -> Any:
    spec = util.spec_from_file_location(stem, FOLDER / "scripts" / f"{stem}.py")
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def common(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "common", load("common"))


def leaves(nest: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(nest, dict):
        for key in sorted(nest):
            yield from leaves(nest[key], f"{path}/{key}")
    elif isinstance(nest, (list, tuple)):
        for index, item in enumerate(nest):
            yield from leaves(item, f"{path}/{index}")
    else:
        yield path, nest


@pytest.mark.parametrize("name", NAMES)
def test_scripts_give_what_they_give_with_keras(name: str) -> None:
    stem, _, function = name.partition(".")
    kcompat.utils.set_random_seed(0)
    made = dict(leaves(getattr(load(stem), function)(kcompat), name))
    assert set(made) == {key for key in EXPECTED.files if key.partition("/")[0] == name}
    for key, value in made.items():
        np.testing.assert_allclose(np.asarray(value), EXPECTED[key], rtol=1e-4, atol=1e-5, err_msg=key)
