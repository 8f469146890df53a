"""What users pass as data, brought into the form that a model's inputs have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InputError
from ..ir import Value
from ..ir.types import fits, numpy_name


def arrange(data: Any, names: Sequence[str], structure: Any, what: str = "inputs") -> list[Any]:
    """Data in the order of a model's inputs, from a list, a dict by name, or a lone array.

    structure: the nest in which the model declares its inputs; a dict's keys are names too.
    Raises InputError for missing, superfluous or too few entries.
    """
    if isinstance(data, Mapping):
        keys = list(structure) if isinstance(structure, Mapping) else list(names)
        keys = keys if all(key in data for key in keys) else list(names)
        missing = [key for key in keys if key not in data]
        if missing:
            raise InputError(f"{what}: no data for '{missing[0]}'; expected {keys}, received {list(data)}")
        return [data[key] for key in keys]
    several = isinstance(data, (list, tuple)) and (len(names) > 1 or _is_wrapped(data))
    entries = list(data) if several else [data]
    if len(entries) != len(names):
        raise InputError(f"{what}: the model has {len(names)} ({', '.join(names)}), received {len(entries)}")
    return entries


def _is_wrapped(data: Sequence[Any]) -> bool:
    """Whether a sequence is a list of one array rather than an array written as lists."""
    return len(data) == 1 and hasattr(data[0], "shape")


def as_input(data: Any, expected: Value) -> np.ndarray:
    """An array of the input's dtype and shape.

    As Keras: data is cast, and a last axis of size one is added or dropped where that alone is
    missing. Raises InputError naming input, expected and received shape.
    """
    array = _cast(data, expected)
    rank, last = expected.rank, expected.shape[-1] if expected.rank else None
    if array.ndim == rank - 1 and last == 1:
        array = array[..., None]
    elif array.ndim == rank + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    if not fits(array.shape, expected.shape):
        raise InputError(_mismatch(array, expected))
    return array


def _cast(data: Any, expected: Value) -> np.ndarray:
    try:
        array = np.asarray(data)
        if expected.dtype == "string" or array.dtype.kind in "OUS":
            return array.astype(object) if expected.dtype == "string" else array.astype(numpy_name(expected.dtype))
        return array.astype(numpy_name(expected.dtype), copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"input '{expected.name}' takes {expected.type}, received data that is not: {error}") from None


def _mismatch(array: np.ndarray, expected: Value) -> str:
    wanted = tuple(dim if isinstance(dim, int) else None for dim in expected.shape)
    hint = ""
    if array.ndim == expected.rank - 1 and fits((1, *array.shape), expected.shape):
        hint = "; the batch axis is missing: pass x[None] for one sample"
    return f"input '{expected.name}' takes shape {wanted}, received {array.shape}{hint}"


def unify_batch(arrays: Sequence[np.ndarray], names: Sequence[str]) -> int:
    """The number of samples, the same in all. Raises InputError."""
    counts = {name: array.shape[0] for name, array in zip(names, arrays, strict=True) if array.ndim}
    if len(set(counts.values())) > 1:
        raise InputError(f"inputs have different numbers of samples: {counts}")
    return next(iter(counts.values()), 1)
