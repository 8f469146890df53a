"""DenseNet121, DenseNet169 and DenseNet201: pixels of zero mean and unit deviation in ImageNet."""

from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("torch")
