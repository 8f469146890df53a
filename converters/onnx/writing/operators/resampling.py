"""Images and sequences of other sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kcompat.operators.resize import interpolation_taps

from ..call import Call, writes

_MODES = {"half_pixel": "half_pixel", "asymmetric": "asymmetric", "align_corners": "align_corners"}


@writes("resize")
def _resize(w: Call) -> str:
    """Resize where it computes the very same; else the positions and weights as they are, axis by axis."""
    factors = _factors(w)
    method, coordinates = w.attr("method"), w.attr("coordinates")
    if method == "nearest" and factors and coordinates != "align_corners":
        return _native(w, factors, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    if method == "bilinear" and not w.attr("antialias") and _is_plane(w) and not _is_rounded(w):
        return _native(w, factors, mode="linear", coordinate_transformation_mode=_MODES[coordinates])
    x = w.x()
    for place, axis in enumerate(w.axes()):
        size = w.type().shape[axis]
        if not isinstance(size, int):
            raise w.refusal(f"method '{method}' needs known sizes, axis {axis} of {w.type()} is open")
        out = w.attr("sizes")[place] if w.attr("sizes") else size * w.attr("scales")[place]
        places, weights = interpolation_taps(size, out, method, coordinates, w.attr("antialias"))
        if method == "nearest":
            x = w.add("Gather", x, w.ints(places[:, 0]), axis=axis)
        elif out != size or not np.array_equal(places[:, 0], np.arange(size)) or places.shape[1] > 1:
            x = _weighed(w, x, axis, places, weights)
    return x


def _factors(w: Call) -> list[int] | None:
    """Whole-number scales of all axes, None if there are others."""
    factors = [1] * w.rank
    for place, axis in enumerate(w.axes()):
        size = w.type().shape[axis]
        if w.attr("scales"):
            factors[axis] = w.attr("scales")[place]
        elif isinstance(size, int) and w.attr("sizes")[place] % size == 0:
            factors[axis] = w.attr("sizes")[place] // size
        else:
            return None
    return factors


def _is_plane(w: Call) -> bool:
    """Whether these are images with channels first, for which every runtime has linear interpolation."""
    return w.rank == 4 and set(w.axes()) <= {2, 3}


def _is_rounded(w: Call) -> bool:
    """Whether the result is rounded: a runtime's own arithmetic decides otherwise about halves."""
    return all(isinstance(size, int) for size in w.type().shape[2:]) and any(
        reader.op.name == "round" for reader in w.readers
    )


def _native(w: Call, factors: Sequence[float] | None, **attributes: Any) -> str:
    scales = factors or _scales(w)
    if scales:
        return w.add("Resize", w.x(), "", w.output.constant(scales, "float32"), **attributes)
    wanted = dict(zip(w.axes(), w.attr("sizes"), strict=True))
    parts = [w.ints([wanted[a]]) if a in wanted else w.sizes(0, a, a + 1) for a in range(w.rank)]
    return w.add("Resize", w.x(), "", "", w.joined(*parts), **attributes)


def _scales(w: Call) -> list[float] | None:
    """Scales that give the sizes, so that the batch may stay open; None where an axis is open."""
    scales = [1.0] * w.rank
    for axis, out in zip(w.axes(), w.attr("sizes"), strict=True):
        size = w.type().shape[axis]
        if not isinstance(size, int):
            return None
        scale = np.float32(out / size)
        scales[axis] = float(scale if size * float(scale) >= out else np.nextafter(scale, np.float32(np.inf)))
    return scales


@writes("resample")
def _resample(w: Call) -> str:
    return _weighed(w, w.x(), w.axis(), w.known(1), w.known(2))


def _weighed(w: Call, x: str, axis: int, places: np.ndarray, weights: np.ndarray) -> str:
    """Sum over taps of the positions that each names, times its weight."""
    tail = [1] * (w.rank - 1 - axis)
    total = ""
    for place, weight in zip(places.T, weights.T, strict=True):
        part = w.add("Mul", w.add("Gather", x, w.ints(place), axis=axis), w.like(weight.reshape(-1, *tail)))
        total = w.add("Add", total, part) if total else part
    return total
