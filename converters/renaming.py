"""Names of layers that Keras 3 does not allow, as older Kerases wrote them."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Collection

from kcompat.layers.base import walk
from kcompat.models import Model


def without_slashes(model: Model) -> None:
    """Give layers whose names have a '/' others, with a warning that says which."""
    layers = [layer for layer in walk(model) if "/" in layer.name]
    taken = {layer.name for layer in walk(model)}
    renamed = {}
    for layer in layers:
        old, new = layer.name, _free(layer.name.replace("/", "_"), taken)
        taken.add(new)
        renamed[old] = new
        layer.name = new
        for weight in layer.weights:
            weight.path = weight.path.replace(f"{old}/", f"{new}/", 1)
    if renamed:
        shown = ", ".join(f"'{old}' is now '{new}'" for old, new in list(renamed.items())[:3])
        more = f" and {len(renamed) - 3} more" if len(renamed) > 3 else ""
        warnings.warn(f"Keras 3 allows no '/' in the names of layers: {shown}{more}", stacklevel=2)


def _free(name: str, taken: Collection[str]) -> str:
    candidates = itertools.chain([name], (f"{name}_{number}" for number in itertools.count(1)))
    return next(candidate for candidate in candidates if candidate not in taken)
