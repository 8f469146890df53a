"""Whether models may run with arithmetic that is quicker than their operators' own, and less accurate."""

from __future__ import annotations

import os

from .. import changes
from ..errors import ArgumentError

_exact = os.environ.get("KCOMPAT_EXACT", "0") not in ("", "0")


def is_exact() -> bool:
    """Whether `set_exact(True)` or $KCOMPAT_EXACT asked for the operators' own arithmetic."""
    return _exact


def set_exact(exact: bool) -> None:
    """Run all models, from their next call, with no kernel whose arithmetic is not the operators' own: convolutions
    are sums of products, never Winograd's. docs/performance.md has the errors of both. Raises ArgumentError."""
    global _exact
    if not isinstance(exact, bool):
        raise ArgumentError(f"set_exact takes True or False, received {exact!r}")
    _exact = exact
    changes.note()
