"""Softmax, reductions, order, and sums along axes."""

from __future__ import annotations

from ..call import Call, writes


@writes("softmax")
def _softmax(w: Call) -> str:
    axes = w.axes()
    if len(axes) == 1:
        return w.add("Softmax", w.x(), axis=axes[0])
    powers = w.add("Exp", w.add("Sub", w.x(), w.reduce("Max", w.x(), axes)))
    return w.add("Div", powers, w.reduce("Sum", powers, axes))


@writes("log_softmax")
def _log_softmax(w: Call) -> str:
    axes = w.axes()
    if len(axes) == 1:
        return w.add("LogSoftmax", w.x(), axis=axes[0])
    shifted = w.add("Sub", w.x(), w.reduce("Max", w.x(), axes))
    return w.add("Sub", shifted, w.add("Log", w.reduce("Sum", w.add("Exp", shifted), axes)))


@writes("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod")
def _reduction(w: Call) -> str:
    """Truth values are counted, or compared, as integers; ONNX reduces no small ones."""
    if not w.attr("axes"):
        return w.x()
    kind = w.node.op.name.removeprefix("reduce_").capitalize()
    if w.is_float or w.dtype in ("int32", "int64"):
        return w.reduce(kind, w.x(), w.axes(), w.attr("keepdims"))
    return w.cast(w.reduce(kind, w.cast(w.x(), "int64"), w.axes(), w.attr("keepdims")), w.dtype)


@writes("argmax", "argmin")
def _argument(w: Call) -> str:
    op = "ArgMax" if w.node.op.name == "argmax" else "ArgMin"
    x = w.cast(w.x(), "int32") if w.dtype == "bool" else w.x()
    return w.cast(w.add(op, x, axis=w.axis(), keepdims=int(w.attr("keepdims"))), "int32")


def _count(w: Call, axis: int) -> str:
    """The length of an axis of the operand, as a list of one."""
    return w.sizes(0, axis, axis + 1)


@writes("argsort")
def _argsort(w: Call) -> str:
    """TopK puts equal elements in the order they have, upwards and downwards."""
    axis = w.axis()
    largest = int(w.attr("descending"))
    _, places = w.add("TopK", w.x(), k=_count(w, axis), axis=axis, largest=largest, outputs=2)
    return w.cast(places, "int32")


@writes("top_k")
def _top_k(w: Call) -> tuple[str, str]:
    values, places = w.add("TopK", w.x(), k=[w.attr("k")], axis=-1, outputs=2)
    return values, w.cast(places, "int32")


@writes("cumsum")
def _cumsum(w: Call) -> str:
    axis = w.output.constant(w.axis(), "int64")
    return w.add("CumSum", w.x(), axis, exclusive=int(w.attr("exclusive")), reverse=int(w.attr("reverse")))


@writes("cumprod")
def _cumprod(w: Call) -> str:
    """An operator from opset 26 on; before, the factors of each position under a triangle of places."""
    axis, exclusive, reverse = w.axis(), w.attr("exclusive"), w.attr("reverse")
    if w.has("CumProd"):
        place = w.output.constant(axis, "int64")
        return w.add("CumProd", w.x(), place, exclusive=int(exclusive), reverse=int(reverse))
    count = w.add("Squeeze", _count(w, axis), axes=[0])
    places = w.add("Range", w.ints(0), count, w.ints(1))
    rows = w.add("Unsqueeze", places, axes=[1])
    op = ("Greater" if reverse else "Less") + ("" if exclusive else "OrEqual")
    counted = w.add(op, places, rows)
    last = w.rank - 1
    perm = [a for a in range(w.rank) if a != axis] + [axis]
    x = w.add("Unsqueeze", w.add("Transpose", w.x(), perm=perm), axes=[last])
    product = w.reduce("Prod", w.add("Where", counted, x, w.like(1)), [last + 1], keepdims=False)
    return w.add("Transpose", product, perm=[perm.index(a) for a in range(w.rank)])
