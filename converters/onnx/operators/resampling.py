"""Resize and Upsample: for each axis, which positions make an output position, and by what weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError
from kcompat.ir import Value
from kcompat.ir.types import is_float

from ..call import Call, NeedsHost, NeedsShape, axis_of, handles


@handles("Upsample")
def _upsample(c: Call) -> Any:
    """Deprecated at opset 10: Resize with asymmetric coordinates."""
    if c.opset >= 9:
        scales = np.asarray(c.static(1)).reshape(-1).tolist()
    elif "scales" in c.attrs:
        scales = list(c.attrs["scales"])
    else:
        scales = [1.0, 1.0, c.attrs["height_scale"], c.attrs["width_scale"]]
    return _resized(c, scales, None, "asymmetric", "floor")


@handles("Resize")
def _resize(c: Call) -> Any:
    x = c.x()
    if c.opset < 11:
        return _resized(c, np.asarray(c.static(1)).reshape(-1).tolist(), None, "asymmetric", "floor")
    mode = c.get("coordinate_transformation_mode", "half_pixel")
    if mode == "tf_crop_and_resize":
        raise NeedsHost
    scales, sizes = c.static(2), c.static_ints(3)
    axes = [axis_of(axis, x.rank) for axis in c.ints("axes", range(x.rank))]
    nearest = c.get("nearest_mode", "round_prefer_floor")
    if sizes:
        shape = c.shape(x)
        factors, full = _by_sizes(c, shape, axes, sizes)
        return _as_card(c, factors, full, mode, nearest) or _resized(c, factors, full, mode, nearest)
    if scales is None or not scales.size:
        raise ArgumentError("Resize has neither scales nor sizes")
    given = dict(zip(axes, scales.reshape(-1).tolist(), strict=True))
    factors = [given.get(axis, 1.0) for axis in range(x.rank)]
    return _as_card(c, factors, None, mode, nearest) or _resized(c, factors, None, mode, nearest)


def _as_card(c: Call, scales: list[float], sizes: list[int] | None, coordinates: str, nearest: str) -> Value | None:
    """The card `resize` where it is the very same: pixels repeated, or linear between pixels around their centres."""
    x, mode = c.x(), c.get("mode", "nearest")
    axes = [axis for axis, scale in enumerate(scales) if scale != 1]
    whole = all(scales[axis] == round(scales[axis]) for axis in axes)
    known = all(isinstance(x.shape[axis], int) for axis in axes)
    outs = sizes or [int(np.floor(d * s)) if isinstance(d, int) else 0 for d, s in zip(x.shape, scales, strict=True)]
    options: dict[str, Any] = {"axes": axes}
    if known and all(abs(outs[axis] / x.shape[axis] - scales[axis]) < 1e-6 for axis in axes):
        options["sizes"] = [outs[axis] for axis in axes]
    elif whole:
        options["scales"] = [round(scales[axis]) for axis in axes]
    else:
        return None
    repeats = whole and _repeats(coordinates, nearest)
    between = coordinates == "half_pixel" and is_float(x.dtype) and x.dtype != "float16"
    if mode == "nearest" and repeats:
        return c.b.resize(x, **options, method="nearest") if axes else x
    if mode == "linear" and between and not c.get("antialias", 0) and not c.get("exclude_outside", 0):
        return c.b.resize(x, **options, method="bilinear") if axes else x
    return None


def _repeats(coordinates: str, nearest: str) -> bool:
    """Whether whole scales repeat every position as often."""
    if coordinates == "asymmetric":
        return nearest == "floor"
    return coordinates in ("half_pixel", "pytorch_half_pixel") and nearest.startswith("round")


def _by_sizes(
    c: Call, shape: tuple[int, ...], axes: list[int], sizes: tuple[int, ...]
) -> tuple[list[float], list[int]]:
    """Scales and the full output shape, by the policy on keeping the aspect ratio (opset 18)."""
    given = dict(zip(axes, sizes, strict=True))
    policy = c.get("keep_aspect_ratio_policy", "stretch")
    ratios = [given[axis] / shape[axis] for axis in axes]
    if policy != "stretch":
        ratio = min(ratios) if policy == "not_larger" else max(ratios)
        full = [int(np.floor(ratio * size + 0.5)) if axis in given else size for axis, size in enumerate(shape)]
        return [ratio if axis in given else 1.0 for axis in range(len(shape))], full
    full = [given.get(axis, size) for axis, size in enumerate(shape)]
    return [out / size for out, size in zip(full, shape, strict=True)], full


def _resized(c: Call, scales: list[float], sizes: list[int] | None, coordinates: str, nearest: str) -> Value:
    x, mode = c.x(), c.get("mode", "nearest")
    mode = {"bilinear": "linear"}.get(mode, mode)
    if len(scales) != x.rank:
        raise ArgumentError(f"{c.node.op}: {len(scales)} scales for {x.type}")
    if mode != "nearest" and not is_float(x.dtype):
        raise NeedsHost
    result = c.wide(x)
    for axis, (size, scale) in enumerate(zip(x.shape, scales, strict=True)):
        if scale == 1 and (sizes is None or sizes[axis] == size):
            continue
        if not isinstance(size, int):
            raise NeedsShape
        out = int(np.floor(size * scale)) if sizes is None else sizes[axis]
        positions = _positions(size, out, scale, coordinates)
        if mode == "nearest":
            places = np.clip(_NEAREST[nearest](positions), 0, size - 1).astype(np.int64)
            result = c.b.gather(result, c.b.constant(places), axis=axis)
            continue
        places, weights = _taps(c, positions, size, scale, mode)
        result = c.b.resample(result, c.b.constant(places), c.constant(weights, result), axis=axis)
    return c.cast(result, x.dtype)


def _positions(size: int, out: int, scale: float, mode: str) -> np.ndarray:
    """Where output positions lie in the input; `scale` need not be out / size exactly."""
    index = np.arange(out, dtype=np.float64)
    length = scale * size
    match mode:
        case "half_pixel":
            return (index + 0.5) / scale - 0.5
        case "half_pixel_symmetric":
            adjustment = out / length
            return size / 2 * (1 - adjustment) + (index + 0.5) / scale - 0.5
        case "pytorch_half_pixel":
            return (index + 0.5) / scale - 0.5 if length > 1 else np.full(out, -0.5 if out == 0 else 0.0)
        case "align_corners":
            return index * (size - 1) / (length - 1) if length > 1 else np.zeros(out)
        case "asymmetric":
            return index / scale
        case "tf_half_pixel_for_nn":
            return (index + 0.5) / scale
        case _:
            raise ArgumentError(f"Resize: coordinate_transformation_mode {mode!r} is not known")


_NEAREST: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "floor": np.floor,
    "ceil": np.ceil,
}


def _taps(c: Call, positions: np.ndarray, size: int, scale: float, mode: str) -> tuple[np.ndarray, np.ndarray]:
    """Places and weights, (out, taps); places beyond the border repeat it, or do not count (exclude_outside)."""
    stretch = max(1.0, 1 / scale) if c.get("antialias", 0) else 1.0
    radius = 1 if mode == "linear" else 2
    a = c.get("cubic_coeff_a", -0.75)
    reach = int(np.ceil(radius * stretch))
    places = np.floor(positions)[:, None].astype(np.int64) + np.arange(1 - reach, reach + 1)
    distance = np.abs(places - positions[:, None]) / stretch
    weights = np.maximum(1 - distance, 0) if mode == "linear" else _cubic(distance, a)
    if c.get("exclude_outside", 0):
        weights = np.where((places < 0) | (places >= size), 0, weights)
    weights /= np.sum(weights, axis=1, keepdims=True)
    return np.clip(places, 0, size - 1), weights


def _cubic(t: np.ndarray, a: float) -> np.ndarray:
    """Keys 1981 with coefficient a."""
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((t - 5) * t + 8) * t * a - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0))
