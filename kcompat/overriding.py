"""Which of two ways to say the same a class has chosen: Keras's, or that of kcompat's own classes."""

from __future__ import annotations


def overrides(cls: type, name: str, other: str) -> bool:
    """Whether a class says with the method `name`, not with `other`, what it does: it finds that one first."""
    first = next(base for base in cls.__mro__ if name in vars(base) or other in vars(base))
    return other not in vars(first)
