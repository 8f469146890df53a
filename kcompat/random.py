"""The process's source of seeds for whatever was not given one."""

from __future__ import annotations

import random as _python_random

import numpy as np

_sequence = np.random.SeedSequence()


def next_seed() -> int:
    """A seed that no earlier call returned."""
    return int(_sequence.spawn(1)[0].generate_state(1, np.uint64)[0])


def set_random_seed(seed: int) -> None:
    """Seed Python, NumPy and kcompat, as `keras.utils.set_random_seed` does."""
    global _sequence
    _python_random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the legacy global generator is what the caller asks to seed
    _sequence = np.random.SeedSequence(seed)
