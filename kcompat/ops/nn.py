"""Functions of neural networks, as `keras.ops.nn`."""

from __future__ import annotations

from typing import Any

from .function import named, names

__all__ = sorted(names("nn"))


def __getattr__(name: str) -> Any:
    return named("nn", name)


def __dir__() -> list[str]:
    return sorted(__all__)
