"""What a config of Keras 1 or 2 means in the words of Keras 3, where the words changed."""

from __future__ import annotations

from collections.abc import Mapping
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
    - MultiHeadAttention left its inputs their masks, and had no zeros for queries that may see nothing.
    - Softmax gave no zeros where everything is masked.
    - BatchNormalization of images moved towards the variance with Bessel's correction in training.
    - TextVectorization had other names of two output modes, and padded by default where there is no size to pad to.
    - Add, Concatenate and the like masked a step that is masked in any input, not in all.

    What was said about masks and states is taken back by `masks.settle` where it changes nothing.
    """
    result = {key: _entry(key, value) for key, value in config.items()}
    if class_name in ("GRU", "GRUCell"):
        result.setdefault("reset_after", False)
    if class_name == "TextVectorization":
        result.update(_text_settings(result))
    result.update(_KERAS2.get(class_name, {}))
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
    "Resizing": {"keeps_integers": False},
    "Softmax": {"keras2_mask": True},
    "TimeDistributed": {"inner_masks": True},
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
    if writer.generation == 1:
        return True
    if not writer.version.startswith("2."):
        return False
    minor = int("0" + "".join(filter(str.isdigit, writer.version.split(".")[1])))
    return minor < 2 if "tf" in writer.version else minor < 4
