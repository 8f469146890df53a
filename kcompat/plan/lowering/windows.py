"""What lowerings of sliding windows share."""

from __future__ import annotations

from ...ir import Node, Value

SPATIAL = 3
"""Spatial axes that kernels take."""


def three(values: list[int] | tuple[int, ...], fill: int) -> list[int]:
    """The values of spatial axes with `fill` for the axes in front that there are not."""
    return [fill] * (SPATIAL - len(values)) + list(values)


def label_of(name: str, node: Node, w: Value) -> str:
    """A name for people: operator, window, strides, groups."""
    window = "x".join(map(str, w.shape[:-2]))
    stride = "x".join(map(str, node.attrs["strides"]))
    groups = node.attrs["groups"]
    return f"{name} {window} s{stride}" + (f" g{groups}" if groups > 1 else "")
