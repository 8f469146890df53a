"""SeedGenerator."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ir import Variable
from .random_stream import RandomStream


class SeedGenerator:
    """Where `kcompat.random` takes numbers from: a seed, and how often it was drawn from.

    seed: an integer, or None for one from the process's source. Source: keras.random.SeedGenerator.
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        if seed is not None and (not isinstance(seed, int) or isinstance(seed, bool) or seed < 0):
            raise ArgumentError(f"SeedGenerator: seed must be an integer of 0 or more or None, received {seed!r}")
        self.seed, self.name = seed, name or "seed_generator"
        self.stream = RandomStream(seed, self.name)

    @property
    def state(self) -> Variable:
        """The seed and the number of draws, uint32."""
        return self.stream.state

    def next(self, ordered: bool = True) -> np.ndarray:
        """The state of the next draw, uint32 (2,)."""
        now = self.state.numpy()
        self.state.assign(now + np.array([0, 1], now.dtype))
        return now

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeedGenerator:
        return cls(**config)
