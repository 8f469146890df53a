"""ConvNeXt: pixels from 0 to 255, which the models scale themselves."""

from .imagenet_utils import decode_predictions, unchanged

__all__ = ["decode_predictions", "preprocess_input"]

preprocess_input = unchanged
