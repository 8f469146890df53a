"""The process's source of seeds for whatever was not given one; as a namespace, `keras.random`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any


class _Source:
    """Seeds by number, from one entropy; the operating system's if none is given.

    NumPy's generators are imported with the first seed: that takes longer than to run a small model.
    """

    def __init__(self, entropy: int | None = None) -> None:
        self.entropy = entropy
        self.reserved = 0

    def reserve(self) -> Callable[[], int]:
        number, self.reserved = self.reserved, self.reserved + 1
        return partial(self.seed, number)

    def seed(self, number: int) -> int:
        from numpy.random import SeedSequence

        root = SeedSequence(self.entropy)
        self.entropy = root.entropy  # type: ignore[assignment]  # an int, as the one that is given
        return int(SeedSequence(self.entropy, spawn_key=(number,)).generate_state(1, "uint64")[0])


_source = _Source()


def reserve_seed() -> Callable[[], int]:
    """What gives the next seed, whenever it is called."""
    return _source.reserve()


def next_seed() -> int:
    """A seed that no earlier call returned."""
    return reserve_seed()()


def set_random_seed(seed: int) -> None:
    """Seed Python, NumPy and kcompat, as `keras.utils.set_random_seed` does."""
    import random

    from numpy.random import seed as seed_numpy

    global _source
    random.seed(seed)
    seed_numpy(seed)  # noqa: NPY002 - the legacy global generator is what the caller asks to seed
    _source = _Source(seed)


PUBLIC = frozenset(
    {
        *("SeedGenerator", "beta", "binomial", "categorical", "dropout", "gamma"),
        *("normal", "randint", "shuffle", "truncated_normal", "uniform"),
    }
)
"""What `keras.random` has."""


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from .ops import random

    return getattr(random, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *PUBLIC})
