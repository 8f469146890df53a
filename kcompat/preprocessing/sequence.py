"""Sequences of different lengths as one array: `keras.preprocessing.sequence`."""

from ..utils.sequence import pad_sequences

__all__ = ["pad_sequences"]
