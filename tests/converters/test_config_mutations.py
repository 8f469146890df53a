"""Damaged architectures end in one exception family, never in another error."""

from __future__ import annotations

import copy
import json
import random
import warnings
from contextlib import suppress
from typing import Any

import pytest
from golden import FOLDER, golden_files

from kcompat.converters.files import open_archive, open_hdf5
from kcompat.errors import KcompatError
from kcompat.models import model_from_config

JUNK: list[Any] = [
    *(None, 0, -1, 2**40, 1.5, float("nan"), "", "x", "relu", True, [], {}, [[]], [None], [1, 2, 3], ["a", 0, 0]),
    *([["a", 0, 0]], {"a": 1}, {"class_name": "Dense", "config": {}}, {"class_name": 5}),
    {"class_name": "__tuple__", "items": [1]},
]
MUTATIONS_PER_FILE = 8


def paths(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(inner for key, value in items for inner in paths(value, (*path, key)))]


def mutate(document: Any, rng: random.Random) -> None:
    path = rng.choice([path for path in paths(document) if path])
    target = document
    for key in path[:-1]:
        target = target[key]
    change = rng.random()
    if change < 0.6:
        target[path[-1]] = copy.deepcopy(rng.choice(JUNK))
    elif change < 0.8:
        del target[path[-1]]
    elif isinstance(target, list):
        target.insert(path[-1], copy.deepcopy(rng.choice(target)))
    else:
        target[rng.choice(["zzz", "name", "config", "class_name", "units"])] = copy.deepcopy(rng.choice(JUNK))


def architecture(path: str) -> Any:
    if path.endswith(".h5"):
        with open_hdf5(FOLDER / path) as root:
            return json.loads(root.attr_text("model_config"))
    with open_archive(FOLDER / path) as archive:
        return archive.read_json("config.json")


WHOLE_MODELS = [file for file in golden_files("load") if file.kind in ("model_h5", "keras_zip")]


@pytest.mark.parametrize(("seed", "file"), list(enumerate(WHOLE_MODELS))[::6], ids=str)
def test_mutated_architectures_are_read_or_refused(seed: int, file: Any) -> None:
    rng = random.Random(seed)
    original = architecture(file.path)
    for _ in range(MUTATIONS_PER_FILE):
        document = copy.deepcopy(original)
        mutate(document, rng)
        with warnings.catch_warnings(), suppress(KcompatError):
            warnings.simplefilter("ignore")
            assert model_from_config(document).layers is not None
