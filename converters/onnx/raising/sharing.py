"""Layers that several nodes share: the nodes have one path, and the same weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kcompat.ir import Node

from .names import scope_of

Key = tuple[Any, ...]


class SharedLayers:
    """The layers with weights that were made, by what tells that another call is one of the same layer.

    again_used: those that were called for more than one node.
    """

    def __init__(self) -> None:
        self._made: dict[Key, Any] = {}
        self.again_used: set[Any] = set()

    def key(
        self, node: Node | None, kind: str, config: Mapping[str, Any], weights: Sequence[np.ndarray | None]
    ) -> Key | None:
        """What calls of one layer have in common; None without weights, or where the node has no path."""
        scope = scope_of(node)
        if not scope or not any(array is not None and array.size for array in weights):
            return None
        digest = hashlib.blake2b()
        for array in weights:
            digest.update(b"-" if array is None else f"{array.dtype}{array.shape}".encode())
            digest.update(b"" if array is None else np.ascontiguousarray(array).data)
        return (scope, kind, _text(config), digest.digest())

    def again(self, key: Key | None, follower: Node | None) -> Any:
        """The layer to call again, if there is one. follower: the node that reads what the call gives, if it is one.

        A layer that has taken up the activation behind its first call fits only in front of the same one.
        """
        layer = self._made.get(key) if key is not None else None
        if layer is None or not _fits(layer, key, follower):
            return None
        self.again_used.add(layer)
        return layer

    def keep(self, key: Key | None, layer: Any) -> None:
        if key is not None:
            self._made.setdefault(key, layer)


def _fits(layer: Any, key: Key | None, follower: Node | None) -> bool:
    name = layer.activation.name if "activation" in layer.fields else "linear"
    if name == "linear" or key is None or key[1] not in _ABSORBING:
        return True
    return follower is not None and follower.op.name == name and scope_of(follower) == key[0]


_ABSORBING = frozenset(
    {"Dense", "EinsumDense"}
    | {f"{kind}{rank}D" for kind in ("Conv", "DepthwiseConv", "SeparableConv") for rank in (1, 2, 3)}
    | {f"Conv{rank}DTranspose" for rank in (1, 2, 3)}
)
"""Layers that take up the activation behind them."""


def _text(config: Mapping[str, Any]) -> str:
    """A config as a text; an inner layer is what its own config says, but for its name."""
    parts = []
    for name, value in sorted(config.items()):
        own = {k: v for k, v in value.get_config().items() if k != "name"} if hasattr(value, "get_config") else value
        parts.append(f"{name}={type(value).__name__}:{own!r}")
    return ";".join(parts)
