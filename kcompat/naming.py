"""Automatic names, as Keras gives them: dense, dense_1, dense_2."""

from __future__ import annotations

import re
from collections import Counter

_used: Counter[str] = Counter()


def to_snake_case(name: str) -> str:
    """Keras's form of a class name: "Conv2DTranspose" -> "conv2d_transpose"."""
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def unique_name(prefix: str) -> str:
    """The prefix, or the prefix with the next free number of this process."""
    count = _used[prefix]
    _used[prefix] += 1
    return f"{prefix}_{count}" if count else prefix


def reset_names() -> None:
    """Start counting again, as `keras.utils.clear_session` does."""
    _used.clear()
