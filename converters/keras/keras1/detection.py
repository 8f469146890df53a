"""Which architecture documents are of Keras 1 or older."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .context import objects

_CLASSES = frozenset(
    {
        "AtrousConvolution1D",
        "AtrousConvolution2D",
        "Convolution1D",
        "Convolution2D",
        "Convolution3D",
        "Deconvolution2D",
        "Highway",
        "MaxoutDense",
        "Merge",
        "ParametricSoftplus",
        "SReLU",
        "SeparableConvolution2D",
        "TimeDistributedDense",
    }
)
_KEYS = frozenset(
    {"W_regularizer", "b_regularizer", "border_mode", "consume_less", "dim_ordering", "inner_init", "nb_filter"}
)


def is_keras1(document: Mapping[str, Any], keras_version: Any) -> bool:
    """Whether a document follows Keras 1: by the version, else by classes and keys that no later Keras writes.

    A document of Keras 0.3 has no class_name. Any model of Keras 1 records, for its first layer or
    inputs, batch_input_shape beside input_dtype.
    """
    if isinstance(keras_version, str) and keras_version[:1].isdigit():
        return keras_version.split(".")[0] in ("0", "1")
    if "class_name" not in document:
        return document.get("name") in ("Sequential", "Graph")
    return any(_is_old(entry) for entry in objects(document))


def _is_old(entry: Mapping[str, Any]) -> bool:
    class_name = entry.get("class_name")
    if isinstance(class_name, str) and class_name in _CLASSES:
        return True
    return not _KEYS.isdisjoint(entry) or ("batch_input_shape" in entry and "input_dtype" in entry)
