"""Arrays of labels and vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Class numbers as rows with a one at their place.

    x: integers from 0, of shape (...) or (..., 1). Returns float64 of shape (..., num_classes), by default
    the largest number plus one. Raises ArgumentError for a number outside. Source: keras.utils.to_categorical.
    """
    labels = np.asarray(x, dtype="int64")
    shape = labels.shape[:-1] if labels.ndim > 1 and labels.shape[-1] == 1 else labels.shape
    labels = labels.reshape(-1)
    count = num_classes or (int(labels.max()) + 1 if labels.size else 0)
    if labels.size and not 0 <= labels.min() <= labels.max() < count:
        raise ArgumentError(
            f"to_categorical: class numbers must be 0 to {count - 1}, received {labels.min()} to {labels.max()}"
        )
    return np.eye(count)[labels].reshape(*shape, count)


def normalize(x: Any, axis: int = -1, order: int = 2) -> np.ndarray:
    """x divided by its norm of that order along the axis; vectors of zeros stay. Source: keras.utils.normalize."""
    x = np.asarray(x)
    norm = np.linalg.norm(x, order, axis, keepdims=True)
    return x / np.where(norm == 0, 1, norm)
