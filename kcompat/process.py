"""What holds for the whole process: `keras.config`."""

from __future__ import annotations

import warnings
from typing import Any

from . import settings
from .errors import ArgumentError
from .settings import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
)

__all__ = [
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "max_epochs",
    "max_steps_per_epoch",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_max_epochs",
    "set_max_steps_per_epoch",
]


def backend() -> str:
    """The name of what computes."""
    return "kcompat"


def set_backend(backend: str) -> None:
    """There is one backend. Raises ArgumentError for another."""
    if backend != "kcompat":
        raise ArgumentError(f"kcompat is its own backend, and the only one; received {backend!r}")


def dtype_policy() -> Any:
    """The dtype policy of layers that are not told theirs."""
    from .layers.dtype_policy import DTypePolicy

    return DTypePolicy(settings.dtype_policy())


def set_dtype_policy(policy: Any) -> None:
    """Change it, for layers made from now on: a policy, or its name. Raises ArgumentError for an unknown one."""
    from .layers.dtype_policy import DTypePolicy

    settings.set_dtype_policy(DTypePolicy.parse(policy).name)


def is_interactive_logging_enabled() -> bool:
    """Whether progress goes to stdout, not to the log "kcompat"."""
    return settings.flags["interactive_logging"]


def enable_interactive_logging() -> None:
    """Show progress on stdout."""
    settings.flags["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Write progress to the log "kcompat", at the level INFO."""
    settings.flags["interactive_logging"] = False


def is_traceback_filtering_enabled() -> bool:
    """What was set; tracebacks are whole either way."""
    return settings.flags["traceback_filtering"]


def enable_traceback_filtering() -> None:
    """Note it; tracebacks are whole either way."""
    settings.flags["traceback_filtering"] = True


def disable_traceback_filtering() -> None:
    """Note it; tracebacks are whole either way."""
    settings.flags["traceback_filtering"] = False


def is_flash_attention_enabled() -> bool | None:
    """What was set; attention computes the same either way."""
    return settings.flags.get("flash_attention")


def enable_flash_attention() -> None:
    """Note it; attention computes the same either way."""
    settings.flags["flash_attention"] = True


def disable_flash_attention() -> None:
    """Note it; attention computes the same either way."""
    settings.flags["flash_attention"] = False


def is_nnx_enabled() -> bool:
    """NNX is of JAX."""
    return False


def enable_unsafe_deserialization() -> None:
    """Warn: code in files is never run."""
    warnings.warn("code in files is never run; pass custom_objects= to load_model() for it", stacklevel=2)


def max_epochs() -> int | None:
    """How many epochs `fit` trains for at most, None for no limit."""
    return settings.limits["epochs"]


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of `fit`."""
    settings.limits["epochs"] = max_epochs


def max_steps_per_epoch() -> int | None:
    """How many steps `fit`, `evaluate` and `predict` make in an epoch at most, None for no limit."""
    return settings.limits["steps"]


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the steps of an epoch."""
    settings.limits["steps"] = max_steps_per_epoch
