"""The process's source of seeds for whatever was not given one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from numpy.random import SeedSequence

_sequence: SeedSequence | None = None
"""Made when a seed is first asked for: NumPy's generators take longer to import than a small model to run."""


def next_seed() -> int:
    """A seed that no earlier call returned."""
    global _sequence
    if _sequence is None:
        from numpy.random import SeedSequence

        _sequence = SeedSequence()
    return int(_sequence.spawn(1)[0].generate_state(1, "uint64")[0])


def set_random_seed(seed: int) -> None:
    """Seed Python, NumPy and kcompat, as `keras.utils.set_random_seed` does."""
    import random

    from numpy.random import SeedSequence
    from numpy.random import seed as seed_numpy

    global _sequence
    random.seed(seed)
    seed_numpy(seed)  # noqa: NPY002 - the legacy global generator is what the caller asks to seed
    _sequence = SeedSequence(seed)
