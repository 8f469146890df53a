"""What goes with the image models of `keras.applications`: the preparation of their inputs, and their classes.

One module for each family, as in Keras: `resnet50.preprocess_input`, `resnet50.decode_predictions`. The models
themselves are loaded from files that Keras saved, but for `Xception`, the model of Keras's guide to transfer
learning, which is made here too.
"""

from . import (
    convnext,
    densenet,
    efficientnet,
    efficientnet_v2,
    imagenet_utils,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    mobilenet_v3,
    nasnet,
    resnet,
    resnet50,
    resnet_v2,
    vgg16,
    vgg19,
    xception,
)
from .xception import Xception

__all__ = [
    "Xception",
    "convnext",
    "densenet",
    "efficientnet",
    "efficientnet_v2",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "mobilenet_v3",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_v2",
    "vgg16",
    "vgg19",
    "xception",
]
