"""What plans are made for."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """lanes: float32 in a vector register (16, 8 or 4). exact: no kernel whose arithmetic is not the operator's own."""

    lanes: int = 16
    exact: bool = False
