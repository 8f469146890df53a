"""Small helpers, as in keras.utils."""

from __future__ import annotations

from ..layers.symbolic import is_keras_tensor
from ..random import set_random_seed
from ..registration import (
    CustomObjectScope,
    custom_object_scope,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
)
from .dataset import PyDataset, Sequence
from .image import array_to_img, img_to_array, load_img, save_img
from .numerical import normalize, to_categorical
from .sequence import pad_sequences
from .serialization import deserialize_keras_object, serialize_keras_object
from .session import clear_session
from .sources import get_source_inputs

__all__ = [
    "CustomObjectScope",
    "PyDataset",
    "Sequence",
    "array_to_img",
    "clear_session",
    "custom_object_scope",
    "deserialize_keras_object",
    "get_custom_objects",
    "get_registered_name",
    "get_registered_object",
    "get_source_inputs",
    "img_to_array",
    "is_keras_tensor",
    "load_img",
    "normalize",
    "pad_sequences",
    "register_keras_serializable",
    "save_img",
    "serialize_keras_object",
    "set_random_seed",
    "to_categorical",
]
