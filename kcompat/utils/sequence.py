"""Sequences of different lengths as one array."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import ArgumentError


def pad_sequences(
    sequences: Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Sequences cut and filled up to one length.

    sequences: lists or arrays, of shape (steps, ...) with equal sizes but steps. maxlen: the length, by default
    that of the longest. padding, truncating: "pre" or "post", where `value` is put and where entries are dropped.
    Returns shape (samples, maxlen, ...). Raises ArgumentError. Source: keras.utils.pad_sequences.
    """
    for name, side in (("padding", padding), ("truncating", truncating)):
        if side not in ("pre", "post"):
            raise ArgumentError(f"pad_sequences: {name} must be 'pre' or 'post', received {side!r}")
    try:
        lengths = [len(sequence) for sequence in sequences]
    except TypeError:
        raise ArgumentError(f"pad_sequences takes a list of sequences, received {sequences!r}") from None
    length = max(lengths, default=0) if maxlen is None else maxlen
    filled = [np.asarray(sequence) for sequence in sequences if len(sequence)]
    entry = filled[0].shape[1:] if filled else ()
    result = np.full((len(lengths), length, *entry), value, dtype=dtype)
    for position, sequence in enumerate(sequences):
        kept = sequence[max(0, len(sequence) - length) :] if truncating == "pre" else sequence[:length]
        if len(kept):
            result[position, _place(padding, len(kept), length)] = _checked(kept, entry, position, result.dtype)
    return result


def _place(padding: str, count: int, length: int) -> slice:
    return slice(count) if padding == "post" else slice(length - count, length)


def _checked(sequence: Any, entry: tuple[int, ...], position: int, dtype: Any) -> np.ndarray:
    array = np.asarray(sequence, dtype=dtype)
    if array.shape[1:] != entry:
        raise ArgumentError(
            f"pad_sequences: entries have shape {entry}, but {array.shape[1:]} in the sequence at place {position}"
        )
    return array
