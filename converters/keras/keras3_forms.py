"""What Keras 3 has no name for, said in its own words: written by `express`, understood by `restore`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_FLOAT32 = {"module": "keras", "class_name": "DTypePolicy", "config": {"name": "float32"}, "registered_name": None}


def _layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {
        "module": "keras.layers",
        "class_name": class_name,
        "config": {"name": name, "trainable": True, "dtype": _FLOAT32, **config},
        "registered_name": None,
    }


_NAME = "hard_sigmoid_keras2"
_STEPS = (
    ("Rescaling", {"scale": 0.2, "offset": 0.5}),
    ("ReLU", {"max_value": 1.0, "negative_slope": 0.0, "threshold": 0.0}),
)
_HARD_SIGMOID_KERAS2 = {
    "module": "keras",
    "class_name": "Sequential",
    "config": {
        "name": _NAME,
        "trainable": True,
        "dtype": _FLOAT32,
        "layers": [_layer(name, f"{_NAME}_{name.lower()}", **config) for name, config in _STEPS],
    },
    "registered_name": None,
}
"""clip(0.2 x + 0.5, 0, 1): Keras 3 takes a model wherever it takes an activation."""


_UNSAID = frozenset({"inner_masks", "joins_steps", "keeps_integers", "unbiased_variance"})
"""Keys without a word in Keras 3, whose values `expressible` has checked."""


def express(document: Any) -> Any:
    """A canonical document, or a part of one, in words that Keras 3 knows."""
    if isinstance(document, dict):
        return {key: _express_entry(key, value) for key, value in document.items() if key not in _UNSAID} | (
            {"config": _without_integer_dtype(document["config"])}
            if document.get("class_name") == "Discretization"
            else {}
        )
    return [express(item) for item in document] if isinstance(document, list) else document


def _express_entry(key: str, value: Any) -> Any:
    return _HARD_SIGMOID_KERAS2 if value == _NAME and key.endswith("activation") else express(value)


def _without_integer_dtype(config: dict[str, Any]) -> dict[str, Any]:
    """In Keras 2 the outputs' dtype; Keras 3 would cast the inputs to it, and has integer outputs anyway."""
    return {**config, "dtype": "float32"} if config["output_mode"] == "int" else config


def restore(document: Any) -> Any:
    """The canonical form of what `express` wrote, also after Keras saved it again."""
    if isinstance(document, dict):
        return {
            key: _NAME if key.endswith("activation") and _is_hard_sigmoid_keras2(value) else restore(value)
            for key, value in document.items()
        }
    return [restore(item) for item in document] if isinstance(document, list) else document


def _is_hard_sigmoid_keras2(value: Any) -> bool:
    if not (isinstance(value, Mapping) and value.get("class_name") == "Sequential"):
        return False
    config = value.get("config")
    layers = config.get("layers") if isinstance(config, Mapping) else None
    if not isinstance(layers, list):
        return False
    steps = [layer for layer in layers if isinstance(layer, Mapping) and layer.get("class_name") != "InputLayer"]
    return len(steps) == len(_STEPS) and all(
        layer.get("class_name") == name
        and isinstance(found := layer.get("config"), Mapping)
        and all(found.get(key) == expected for key, expected in config.items())
        for layer, (name, config) in zip(steps, _STEPS, strict=True)
    )
