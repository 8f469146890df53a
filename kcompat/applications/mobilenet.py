"""MobileNet: pixels from -1 to 1."""

from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("tf")
