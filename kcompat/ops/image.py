"""Functions of images, as `keras.ops.image`."""

from __future__ import annotations

from typing import Any

from .function import named, names

__all__ = sorted(names("image"))


def __getattr__(name: str) -> Any:
    return named("image", name)


def __dir__() -> list[str]:
    return sorted(__all__)
