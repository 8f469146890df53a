"""An array that is made when it is read."""

from __future__ import annotations

from collections.abc import Callable
from weakref import ref

import numpy as np


class Lazy:
    """What `make` gives: made when it is read, kept while someone holds it, the same whenever it is made.

    The array cannot be written to, since what was written would be lost.
    """

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], np.ndarray]) -> None:
        self._make = make
        self._made: Callable[[], np.ndarray | None] = lambda: None

    def get(self) -> np.ndarray:
        """The array."""
        made = self._made()
        if made is None:
            made = self._make()
            made.flags.writeable = False
            self._made = ref(made)
        return made
