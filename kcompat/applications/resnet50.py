"""ResNet50, under the name that it had first."""

from .resnet import decode_predictions, preprocess_input

__all__ = ["decode_predictions", "preprocess_input"]
