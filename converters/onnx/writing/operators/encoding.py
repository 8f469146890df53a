"""Categories as vectors, and numbers as categories."""

from __future__ import annotations

import numpy as np

from ..call import Call, writes


def _matches(w: Call, depth: int) -> str:
    """For each index, which of [0, depth) it is."""
    index = w.add("Unsqueeze", w.cast(w.x(), "int64"), axes=[-1])
    return w.add("Equal", index, w.ints(np.arange(depth)))


@writes("one_hot")
def _one_hot(w: Call) -> str:
    """OneHot counts negative indices from the end, which is not meant here."""
    return w.cast(_matches(w, w.attr("depth")), w.attr("dtype"))


@writes("bin_count")
def _bin_count(w: Call) -> str:
    dtype, axis = w.attr("dtype"), w.rank - 1
    if w.attr("binary"):
        found = w.cast(_matches(w, w.attr("depth")), "float32")
        return w.cast(w.reduce("Max", found, [axis], keepdims=False), dtype)
    counted = w.cast(_matches(w, w.attr("depth")), dtype)
    if w.given(1):
        counted = w.add("Mul", counted, w.add("Unsqueeze", w.cast(w.x(1), dtype), axes=[-1]))
    return w.reduce("Sum", counted, [axis], keepdims=False)


@writes("bucketize")
def _bucketize(w: Call) -> str:
    """As many boundaries as are not above the number; compared in float32, as TensorFlow does."""
    boundaries = w.known(1).astype(np.float32)
    double = w.dtype == "float64"
    x = w.x() if double or w.dtype == "float32" else w.cast(w.x(), "float32")
    above = w.add(
        "Less",
        w.add("Unsqueeze", x, axes=[-1]),
        w.output.constant(boundaries, "float64" if double else "float32"),
    )
    reached = w.cast(w.add("Not", above), "int32")
    return w.reduce("Sum", reached, [w.rank], keepdims=False)
