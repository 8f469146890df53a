"""Functions of vectors and matrices, as `keras.ops.linalg`."""

from __future__ import annotations

from typing import Any

from .function import named, names

__all__ = sorted(names("linalg"))


def __getattr__(name: str) -> Any:
    return named("linalg", name)


def __dir__() -> list[str]:
    return sorted(__all__)
