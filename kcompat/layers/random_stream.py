"""The random numbers that a layer draws in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..ir import Value, Variable
from ..random import next_seed

if TYPE_CHECKING:
    from .emitter import Emitter


class RandomStream:
    """A seed and how often it was drawn from: Keras 3's SeedGenerator, whose state has the same form.

    seed: None for one from the process's source, taken when a number is first needed.
    """

    def __init__(self, seed: int | None, path: str) -> None:
        def start(shape: tuple[int, ...], dtype: str) -> np.ndarray:
            return np.array([(next_seed() if seed is None else seed) & 0xFFFFFFFF, 0], dtype)

        self.state = Variable("seed_generator_state", (2,), "uint32", start, trainable=False, path=f"{path}/state")

    def uniform(self, b: Emitter, like: Value, shape: Sequence[int] | None = None) -> Value:
        """Numbers in [0, 1) of the dtype and shape of a value; `shape` has other sizes, -1 for the value's own."""
        return b.random_uniform(like, self._next(b), shape=shape)

    def normal(self, b: Emitter, like: Value, shape: Sequence[int] | None = None) -> Value:
        """Numbers of mean 0 and deviation 1, as in `uniform`."""
        return b.random_normal(like, self._next(b), shape=shape)

    def drop(self, b: Emitter, x: Value, rate: float, shape: Sequence[int] | None = None) -> Value:
        """x with elements 0 with probability `rate`, the others scaled by 1 / (1 - rate)."""
        return x if rate == 0 else b.mul(x, self.mask(b, x, rate, shape))

    def mask(self, b: Emitter, like: Value, rate: float, shape: Sequence[int] | None = None) -> Value:
        """Factors that drop elements: 0 with probability `rate`, else 1 / (1 - rate)."""
        kept = b.cast(b.greater_equal(self.uniform(b, like, shape), float(rate)), dtype=like.dtype)
        return b.mul(kept, 0.0 if rate == 1 else 1 / (1 - rate))

    def _next(self, b: Emitter) -> Value:
        state = b.state(self.state)
        b.update(self.state, b.add(state, b.constant([0, 1], "uint32")))
        return state
