"""What a config of Keras 1 or 2 means in the words of Keras 3, where the words changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import inf
from typing import Any

from .spec import Writer


def canonical(class_name: str, config: Mapping[str, Any], writer: Writer) -> dict[str, Any]:
    """A layer's config with old meanings made explicit, at any depth.

    - "hard_sigmoid" was clip(0.2 x + 0.5, 0, 1) until Keras 3 (keras PR 19477).
    - initializers of TensorFlow 1 name a dtype, which the weight's own overrides.
    - bilinear UpSampling2D saw pixels in their corners on TensorFlow 1.
    - GRU had no reset_after at first; it meant False.
    - Bidirectional repeated the outputs before masked steps; now they are zeros.
    - StackedRNNCells had the states of the last cell first.
    - TimeDistributed let masks out that its layer makes.
    - MultiHeadAttention ignored the masks of its inputs until Keras 2.9; it left them their masks, and had no zeros for
      queries that may see nothing.
    - Softmax ignored masks until TensorFlow 2.2, then gave no zeros where everything is masked.
    - Dot multiplied tensors of rank four and more as matrices until Keras 2.2.4 and TensorFlow 2.1.
    - Flatten had no data_format until Keras 2.2, whatever the process's default.
    - Depthwise convolutions wrote groups, and did not look at them.
    - SeparableConv2D did not dilate in Keras 2.0.
    - Normalization and Rescaling let masks out.
    - RandomCrop brought images to its size in inference too.
    - BatchNormalization of images moved towards the variance with Bessel's correction in training.
    - TextVectorization had other names of two output modes, and padded by default where there is no size to pad to.
    - Add, Concatenate and the like masked a step that is masked in any input, not in all.

    What was said about masks and states is taken back by `masks.settle` where it changes nothing.
    """
    result = {key: _entry(key, value) for key, value in config.items()}
    if class_name in ("GRU", "GRUCell"):
        result.setdefault("reset_after", False)
    if class_name == "Flatten":
        result.setdefault("data_format", "channels_last")
    if class_name == "TextVectorization":
        result.update(_text_settings(result))
    if class_name == "RandomCrop":
        result["fitting"] = "resize_crop" if _version(writer) < (2, 7) else "crop_resize"
    result.update(_KERAS2.get(class_name, {}))
    if class_name == "Softmax" and _version(writer) < (2, 4):
        result["ignores_mask"] = True
    if class_name == "MultiHeadAttention" and _version(writer) < (2, 10):
        result["ignores_masks"] = True
    if class_name.startswith("DepthwiseConv"):
        result.pop("groups", None)
    if class_name == "Dot" and _version(writer) < (2, 2, 5):
        result["as_matrices"] = True
    if class_name == "SeparableConv2D" and _version(writer) < (2, 1) and "tf" not in writer.version:
        result["dilation_rate"] = [1, 1]
    if _is_before_tensorflow_1_13(writer):
        result.update(_EARLY.get(class_name, {}))
        if class_name == "UpSampling2D" and config.get("interpolation") == "bilinear":
            result["half_pixel_centers"] = False
    return result


_BATCH_NORMALIZATIONS = ("BatchNormalization", "BatchNormalizationV1", "BatchNormalizationV2")
_MERGES = ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
_KERAS2: dict[str, dict[str, Any]] = {
    **{name: {"unbiased_variance": True} for name in _BATCH_NORMALIZATIONS},
    "MultiHeadAttention": {"keras2_masks": True},
    "Normalization": {"drops_mask": True},
    "Rescaling": {"drops_mask": True},
    "Resizing": {"keeps_integers": False},
    "Softmax": {"keras2_mask": True},
    "TimeDistributed": {"inner_masks": True, "joins_steps": True},
    **{name: {"intersects_masks": True} for name in _MERGES},
}
"""What layers meant before Keras 3."""

_EARLY: dict[str, dict[str, Any]] = {
    "Bidirectional": {"repeats_masked": True},
    "StackedRNNCells": {"reverse_state_order": True},
}
"""What layers meant in Keras proper, and in tf.keras until TensorFlow 1.12."""


def _text_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    mode = config.get("output_mode", "int")
    return {
        "output_mode": {"binary": "multi_hot", "tf-idf": "tf_idf"}.get(mode, mode),
        "pad_to_max_tokens": config.get("pad_to_max_tokens", False) and config.get("max_tokens") is not None,
    }


def _entry(key: str, value: Any) -> Any:
    if value == "hard_sigmoid" and (key.endswith("activation") or key == "config"):
        return "hard_sigmoid_keras2"
    if isinstance(value, Mapping):
        inner = {name: _entry(name, item) for name, item in value.items()}
        if key.endswith("initializer") and isinstance(inner.get("config"), dict):
            inner["config"].pop("dtype", None)
        return inner
    if isinstance(value, list):
        return [_entry(key, item) for item in value]
    return value


def _is_before_tensorflow_1_13(writer: Writer) -> bool:
    """Whether it was Keras proper, to its end with 2.3, or tf.keras until TensorFlow 1.12 ("2.1.6-tf").

    Source: `resize_images` and `rnn` in keras/backend/tensorflow_backend.py, layers/recurrent.py and
    layers/wrappers.py of Keras 2.2.3 to 2.3.1.
    """
    return _version(writer) < ((2, 2) if "tf" in writer.version else (2, 4))


def _version(writer: Writer) -> tuple[float, ...]:
    """Keras's version, (1,) for Keras 1, (inf,) where a file does not say it."""
    if writer.generation == 1:
        return (1,)
    numbers = re.match(r"2\.(\d+)(?:\.(\d+))?", writer.version)
    return (2, *(int(number) for number in numbers.groups("0"))) if numbers else (inf,)
