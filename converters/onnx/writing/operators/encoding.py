"""Categories as vectors, and numbers as categories."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.operators.strings import keys_of

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


@writes("lookup")
def _lookup(w: Call) -> str:
    """LabelEncoder, which has one number for all that it does not know; integers are dealt out from that."""
    tokens, strangers, first = w.known(1), w.attr("strangers"), w.attr("first")
    if not tokens.size:
        raise w.refusal("there is no vocabulary yet: give one to the layer, or adapt it")
    if strangers == 0:
        raise w.refusal("it fails for tokens that are not in its vocabulary (num_oov_indices=0), LabelEncoder does not")
    if strangers > 1 and (w.dtype == "string" or w.attr("hashing") != "floormod"):
        raise w.refusal("tokens that are not in its vocabulary are hashed (num_oov_indices > 1)")
    places = dict(zip(keys_of(tokens), range(first, first + len(tokens)), strict=True))
    if w.given(2):
        places[keys_of(w.known(2))[0]] = w.attr("masked_index")
    x = w.x() if w.dtype == "string" else w.cast(w.x(), "int64")
    default = first - 1 if strangers == 1 else -1
    found = _encoded(w, x, list(places), list(places.values()), default)
    if strangers == 1:
        return found
    dealt = w.add("Add", w.add("Mod", x, w.ints(strangers)), w.ints(first - strangers))
    return w.add("Where", w.add("Less", found, w.ints(0)), dealt, found)


@writes("token_at")
def _token_at(w: Call) -> str:
    tokens, default = w.known(1), w.known(2)
    if not tokens.size:
        raise w.refusal("there is no vocabulary yet: give one to the layer, or adapt it")
    x = w.cast(w.x(), "int64")
    found = _encoded(w, x, list(range(len(tokens))), keys_of(tokens), keys_of(default)[0])
    dtype = w.type(1).dtype
    return found if dtype in ("string", "int64") else w.cast(found, dtype)


def _encoded(w: Call, x: str, keys: list[Any], values: list[Any], default: Any) -> str:
    w.output.imports["ai.onnx.ml"] = 2
    kinds = ["strings" if isinstance(items[0], bytes) else "int64s" for items in (keys, values)]
    attributes = {f"keys_{kinds[0]}": keys, f"values_{kinds[1]}": values, f"default_{kinds[1][:-1]}": default}
    return w.add("LabelEncoder", x, domain="ai.onnx.ml", **attributes)
