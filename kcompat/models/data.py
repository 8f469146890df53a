"""What users pass as data, brought into the form that a model's inputs have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Number
from typing import Any

import numpy as np

from ..errors import ArgumentError, InputError
from ..ir import Value
from ..ir.types import fits, numpy_name


def arrange(data: Any, names: Sequence[str], structure: Any, what: str = "inputs") -> list[Any]:
    """Data in the order of a model's inputs, from a list, a dict by name, or a lone array.

    structure: the nest in which the model declares its inputs. A dict is matched by the keys of that
    nest, else by the names of the inputs; entries that the model does not take are left aside, as in
    Keras. Raises InputError for missing entries, or a wrong number of them.
    """
    if isinstance(data, Mapping):
        return _by_name(data, names, structure, what)
    several = isinstance(data, (list, tuple)) and (len(names) > 1 or are_tensors(data))
    nested = isinstance(structure, (Mapping, list, tuple))
    entries = _follow(structure, data) if several and nested else list(data) if several else [data]
    if len(entries) != len(names):
        hint = "; stack samples into one array with np.stack" if len(names) == 1 else ""
        raise InputError(f"{what}: takes {len(names)} ({', '.join(names)}), received {len(entries)}{hint}")
    return entries


def _by_name(data: Mapping[str, Any], names: Sequence[str], structure: Any, what: str) -> list[Any]:
    keys = list(names)
    if isinstance(structure, Mapping):
        if all(key in data for key in structure):
            return _follow(structure, data)
        keys = keys if any(name in data for name in names) else sorted(structure)
    missing = [key for key in keys if key not in data]
    if missing:
        raise InputError(f"{what}: no data for '{missing[0]}'; expected {keys}, received {list(data)}")
    return [data[key] for key in keys]


def _follow(structure: Any, data: Any) -> list[Any]:
    """The entries of data that stand where the leaves of a structure stand."""
    if isinstance(structure, Mapping) and isinstance(data, Mapping):
        return [entry for key in sorted(structure) for entry in _follow(structure[key], data[key])]
    if isinstance(structure, (list, tuple)) and isinstance(data, (list, tuple)) and len(data) == len(structure):
        return [entry for part, item in zip(structure, data, strict=True) for entry in _follow(part, item)]
    return list(data) if isinstance(structure, (Mapping, list, tuple)) and isinstance(data, (list, tuple)) else [data]


def are_tensors(data: Sequence[Any]) -> bool:
    """Whether a sequence lists arrays, rather than being an array written as lists of numbers."""
    return bool(data) and all(getattr(item, "shape", ()) != () or isinstance(item, Value) for item in data)


def as_input(data: Any, expected: Value, any_batch: bool = False) -> np.ndarray:
    """An array of the input's dtype and shape.

    As Keras: data is cast, and a last axis of size one is added or dropped where that alone is
    missing. any_batch: the first axis may have any size.
    Raises InputError naming input, expected and received shape.
    """
    given = array = _cast(data, expected)
    rank, last = expected.rank, expected.shape[-1] if expected.rank else None
    if array.ndim == rank - 1 and last == 1:
        array = array[..., None]
    elif array.ndim == rank + 1 and array.shape[-1] == 1:
        array = array[..., 0]
    shape = (None, *expected.shape[1:]) if any_batch and rank else expected.shape
    if not fits(array.shape, shape):
        raise InputError(_mismatch(given, expected))
    return array


def _cast(data: Any, expected: Value) -> np.ndarray:
    try:
        array = np.asarray(data)
        if expected.dtype == "string":
            return array.astype(object)
        _check_numeric(array, expected)
        return array.astype(numpy_name(expected.dtype), copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"input '{expected.name}' takes {expected.type}, received data that is not: {error}") from None


def _check_numeric(array: np.ndarray, expected: Value) -> None:
    """Raises TypeError for what NumPy would turn into numbers of another meaning."""
    if array.dtype.kind == "O" and not all(isinstance(item, (Number, np.generic)) for item in array.flat):
        strange = next(item for item in array.flat if not isinstance(item, (Number, np.generic)))
        raise TypeError(f"it holds {type(strange).__name__} objects")
    if array.dtype.kind in "USMm" or (array.dtype.kind == "c" and not expected.dtype.startswith("complex")):
        raise TypeError(f"its dtype is {array.dtype}")


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


def is_stream(data: Any) -> bool:
    """Whether data gives one batch after another: a generator, a loader, a PyDataset or the like."""
    if isinstance(data, (Mapping, list, tuple, str, bytes)) or hasattr(data, "__array__"):
        return False
    from ..training.batches import is_indexed

    return isinstance(data, Iterable) or is_indexed(data)


def input_of(batch: Any) -> Any:
    """The inputs in a batch of a generator: all of it, or the first entry of `(x, y, weights)`."""
    return batch[0] if isinstance(batch, tuple) and batch else batch


def batch_size_for(inputs: Sequence[Value], asked: int | None) -> int:
    """The number of samples for each step: as asked, as the model's inputs fix it, or 32.

    Raises ArgumentError if it is not a positive integer, or not the one that the model has fixed.
    """
    fixed = {value.name: value.shape[0] for value in inputs if value.rank and isinstance(value.shape[0], int)}
    if asked is None:
        return int(next(iter(fixed.values()), 32))
    if isinstance(asked, bool) or not isinstance(asked, (int, np.integer)) or asked < 1:
        raise ArgumentError(f"batch_size must be a positive integer, received {asked!r}")
    for name, size in fixed.items():
        if size != asked:
            raise ArgumentError(f"batch_size={asked}, but input '{name}' takes batches of {size}")
    return int(asked)


def split(arrays: Sequence[np.ndarray], inputs: Sequence[Value], count: int, size: int) -> Iterator[list[np.ndarray]]:
    """Arrays of `count` samples in batches of at most `size`. Raises InputError for a short last one of fixed size."""
    for start in range(0, count, size):
        batch = [array[start : start + size] for array in arrays]
        for array, value in zip(batch, inputs, strict=True):
            if not fits(array.shape, value.shape):
                raise InputError(
                    f"input '{value.name}' takes batches of {value.shape[0]}; {count} samples leave one of "
                    f"{len(array)}: pad them to a multiple"
                )
        yield batch
