"""What `keras.backend` has that is no tensor function."""

from __future__ import annotations

from .layers.symbolic import KerasTensor, is_keras_tensor
from .settings import epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format
from .utils.session import clear_session

__all__ = [
    "KerasTensor",
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "image_data_format",
    "is_keras_tensor",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
]


def backend() -> str:
    """The name of what computes."""
    return "kcompat"
