"""The state that the process keeps between models."""

from __future__ import annotations

import gc

from ..naming import reset_names


def clear_session(free_memory: bool = True) -> None:
    """Start numbering automatic layer names again; free what is no longer used."""
    reset_names()
    if free_memory:
        gc.collect()
