"""ResNet50, ResNet101 and ResNet152: blue, green, red, without their means in ImageNet."""

from .imagenet_utils import decode_predictions, preprocessing

__all__ = ["decode_predictions", "preprocess_input"]

preprocess_input = preprocessing("caffe")
