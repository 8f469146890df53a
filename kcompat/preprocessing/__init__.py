"""Data for models, under the names of older Keras code; see kcompat.utils."""

from . import image, sequence

__all__ = ["image", "sequence"]
