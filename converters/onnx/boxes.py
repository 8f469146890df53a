"""ONNX's operators on boxes in images, by kernels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from kcompat.errors import InputError
from kcompat.executor.single import run_kernel

from .spec import NodeSpec

Arrays = Sequence[np.ndarray | None]


def compiled(node: NodeSpec) -> Callable[[Arrays], np.ndarray | None] | None:
    """A function that gives the output of a node, or None for operands that kernels do not take; None if there is no
    kernel for its operator."""
    run = {"NonMaxSuppression": _suppress, "RoiAlign": _align}.get(node.op) if node.domain == "" else None
    return None if run is None else lambda arrays: run(node, arrays)


def _suppress(node: NodeSpec, arrays: Arrays) -> np.ndarray | None:
    boxes, scores, *limits = (*arrays, None, None, None)[:5]
    if boxes is None or scores is None or boxes.dtype != np.float32 or scores.dtype != np.float32:
        return None
    if boxes.ndim != 3 or scores.ndim != 3 or boxes.shape != (scores.shape[0], scores.shape[2], 4):
        raise InputError(f"{node.where}: boxes {boxes.shape} and scores {scores.shape} do not fit together")
    most, threshold, least = (None if limit is None or not limit.size else limit.reshape(-1)[0] for limit in limits)
    candidates = _candidates(scores, least)
    taken, count = np.empty_like(candidates), np.zeros(1, np.int64)
    boxes, scratch = np.ascontiguousarray(boxes), np.empty((5, max(len(candidates), 1)), np.float32)
    run_kernel(
        "boxes.suppress",
        *(taken, candidates, len(candidates), boxes, boxes.shape[1], max(int(most or 0), 0)),
        *(float(threshold or 0.0), scratch, count),
        centred=int(bool(node.attrs.get("center_point_box", 0))),
    )
    return taken[: count[0]]


def _candidates(scores: np.ndarray, least: Any) -> np.ndarray:
    """Rows of sample, class and box whose score is larger than `least`, the best first for each sample and class."""
    chosen = np.ones(scores.shape, bool) if least is None else scores > least
    candidates = np.argwhere(chosen)
    sample, kind, _ = candidates.T
    order = np.lexsort((-scores[chosen], kind, sample))
    return np.ascontiguousarray(candidates[order], np.int64)


def _align(node: NodeSpec, arrays: Arrays) -> np.ndarray | None:
    x, regions, samples = arrays
    if x is None or regions is None or samples is None or x.dtype != np.float32 or regions.dtype != np.float32:
        return None
    if x.ndim != 4 or regions.shape != (len(samples), 4):
        raise InputError(f"{node.where}: cannot pool {regions.shape} regions of {len(samples)} samples in {x.shape}")
    if len(samples) and not 0 <= samples.min() <= samples.max() < len(x):
        raise InputError(f"{node.where}: a region is of a sample that is none of the {len(x)}")
    attrs = node.attrs
    rows, columns = int(attrs.get("output_height", 1)), int(attrs.get("output_width", 1))
    images = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    y = np.empty((len(samples), rows, columns, x.shape[1]), np.float32)
    run_kernel(
        "boxes.align",
        *(y, images, np.ascontiguousarray(regions), np.ascontiguousarray(samples, np.int64), len(samples)),
        *(*images.shape[1:], rows, columns, int(attrs.get("sampling_ratio", 0))),
        *(float(attrs.get("spatial_scale", 1.0)), _has_half_pixels(attrs, node.version)),
        mode=attrs.get("mode", "avg").lower(),
    )
    return np.ascontiguousarray(y.transpose(0, 3, 1, 2))


def _has_half_pixels(attrs: Mapping[str, Any], version: int) -> bool:
    default = "half_pixel" if version >= 16 else "output_half_pixel"
    return bool(attrs.get("coordinate_transformation_mode", default).lower() == "half_pixel")
