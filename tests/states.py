"""Builds `.weights.h5` files group by group, as each generation of Keras lays them out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from kcompat.converters.files import open_hdf5
from kcompat.converters.keras import weights_v3
from kcompat.models import Model

Places = Mapping[str, Sequence[np.ndarray]]


def numbers(*shapes: tuple[int, ...], start: float = 1) -> list[np.ndarray]:
    """Arrays of these shapes whose elements all differ."""
    arrays = []
    for shape in shapes:
        size = int(np.prod(shape))
        arrays.append(np.arange(start, start + size, dtype=np.float32).reshape(shape))
        start += size
    return arrays


def write_state(path: Path, places: Places, names: Mapping[str, str] | None = None) -> Path:
    """A file that has these variables at these places, and these names there."""
    with h5py.File(path, "w") as file:
        for place, arrays in places.items():
            group = file.require_group(f"{place}/vars" if place else "vars")
            for index, array in enumerate(arrays):
                group[str(index)] = array
        for place, name in (names or {}).items():
            file.require_group(f"{place}/vars").attrs["name"] = name
    return path


def load_state(model: Model, path: Path, **options: bool) -> None:
    with open_hdf5(path) as root:
        weights_v3.load(model, root, **options)
