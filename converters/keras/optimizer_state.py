"""Optimizer variables as files hold them, in file order, without a meaning of their own.

In HDF5 models they have names; in Keras 3's layout numbers, after the path of optimizers around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..files import Group
from .stored_state import VARIABLES, StoredObject, read_state

_LEGACY = "optimizer_weights"
_OPTIMIZER = "optimizer"


def read_legacy(root: Group) -> dict[str, np.ndarray]:
    """The optimizer variables of an HDF5 model by name, such as "adam/iteration"; none if it has none."""
    if _LEGACY not in root:
        return {}
    group = root.group(_LEGACY)
    names = group.attr_list("weight_names") if group.has_attr_list("weight_names") else []
    return {name: group.dataset(name).read() for name in names}


def read_v3(stored: Group | StoredObject) -> dict[str, np.ndarray]:
    """The optimizer variables in Keras 3's layout: "0", "1", ..., of an optimizer inside "inner_optimizer/0", ..."""
    state = stored if isinstance(stored, StoredObject) else read_state(stored)
    optimizer = state.find((_OPTIMIZER,))
    if optimizer is None:
        return {}
    found: dict[str, np.ndarray] = {}
    for node in optimizer.walk():
        inner = node.path.removeprefix(_OPTIMIZER).lstrip("/")
        for index, dataset in enumerate(node.in_order()):
            found[f"{inner}/{index}" if inner else str(index)] = dataset.read()
    return found


def write_legacy(root: Any, weights: Mapping[str, np.ndarray]) -> None:
    """Write optimizer variables into an h5py file of a whole model, under their names."""
    from .weights_legacy_write import write_arrays

    if weights:
        write_arrays(root.create_group(_LEGACY), weights)


def write_v3(root: Any, weights: Mapping[str, np.ndarray]) -> None:
    """Write optimizer variables into an h5py file in Keras 3's layout.

    Names from HDF5 models are replaced by numbers, in order.
    """
    numbered = all(name.rpartition("/")[2].isdigit() for name in weights)
    for index, (name, array) in enumerate(weights.items()):
        inner, _, number = name.rpartition("/") if numbered else ("", "", str(index))
        path = "/".join(part for part in (_OPTIMIZER, inner, VARIABLES) if part)
        root.require_group(path)[number] = array
