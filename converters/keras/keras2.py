"""What a config of Keras 1 or 2 means in the words of Keras 3, where the words changed."""

from __future__ import annotations

from typing import Any


def canonical(config: Any) -> Any:
    """A layer's config with old meanings made explicit, at any depth.

    - "hard_sigmoid" was clip(0.2 x + 0.5, 0, 1) until Keras 3 (keras PR 19477).
    """
    if isinstance(config, dict):
        return {key: _entry(key, value) for key, value in config.items()}
    if isinstance(config, list):
        return [canonical(item) for item in config]
    return config


def _entry(key: str, value: Any) -> Any:
    if value == "hard_sigmoid" and (key.endswith("activation") or key == "config"):
        return "hard_sigmoid_keras2"
    return canonical(value)
