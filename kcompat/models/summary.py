"""The table that `Model.summary()` prints."""

from __future__ import annotations

from typing import Any

from .model import Model


def print_summary(model: Model, **options: Any) -> None:
    """Print."""
    print(model)
