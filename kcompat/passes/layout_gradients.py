"""How the operators of backward graphs work on values whose axes are in another order."""

from __future__ import annotations

from ..ir import Node, Value
from ..ir.types import normalize_axes, normalize_axis
from .forms import Perm, Relayout, plain_form, turned
from .layout_rules import rule, unmoved


def _form_of_images(work: Relayout, node: Node, image: Value) -> Perm:
    return plain_form(image.rank) if node.attrs["layout"] == work.target else turned(image.rank, work.target)


def _operands(work: Relayout, node: Node, perm: Perm, *places: int) -> list[Value | None]:
    """Those at some places in a form, the others plain."""
    return [
        None if value is None else work.form(value, perm) if place in places else work.plain(value)
        for place, value in enumerate(node.inputs)
    ]


def _first(node: Node) -> Value:
    value = node.inputs[0]
    assert value is not None
    return value


@rule("max_pool_gradient", "avg_pool_gradient", "adaptive_max_pool_gradient", "adaptive_avg_pool_gradient")
def _pools(work: Relayout, node: Node) -> None:
    perm = _form_of_images(work, node, _first(node))
    work.give(node, work.emit(node, _operands(work, node, perm, 0, 1), layout=work.target), perm)


@rule("conv_kernel_gradient")
def _kernel(work: Relayout, node: Node) -> None:
    """Of two images; kernels have one form."""
    perm = _form_of_images(work, node, _first(node))
    results = work.emit(node, _operands(work, node, perm, 0, 1), layout=work.target)
    work.give(node, results, plain_form(node.outputs[0].rank))


@rule("conv_input_gradient")
def _image(work: Relayout, node: Node) -> None:
    perm = _form_of_images(work, node, _first(node))
    work.give(node, work.emit(node, _operands(work, node, perm, 0, 2), layout=work.target), perm)


@rule("slice_gradient", "resize_gradient", "middle", "surround")
def _along_axes(work: Relayout, node: Node) -> None:
    perm = work.natural(_first(node))
    axes = tuple(perm.index(axis) for axis in normalize_axes(node.attrs["axes"], len(perm)))
    work.give(node, work.emit(node, _operands(work, node, perm, 0, 1), axes=axes), perm)


@rule("concat_gradient", "sparsemax_gradient", "resample_gradient")
def _along_axis(work: Relayout, node: Node) -> None:
    perm = work.natural(_first(node))
    axis = perm.index(normalize_axis(node.attrs["axis"], len(perm)))
    alike = [0, 3] if node.op.name == "resample_gradient" else range(len(node.inputs))
    work.give(node, work.emit(node, _operands(work, node, perm, *alike), axis=axis), perm)


@rule("pad_gradient")
def _pad(work: Relayout, node: Node) -> None:
    perm = work.natural(_first(node))
    pads = tuple(node.attrs["pads"][axis] for axis in perm)
    work.give(node, work.emit(node, _operands(work, node, perm, 0), pads=pads), perm)


@rule("sum_like")
def _sum(work: Relayout, node: Node) -> None:
    if node.outputs[0].rank != _first(node).rank:
        return unmoved(work, node)
    perm = work.natural(_first(node))
    return work.give(node, work.emit(node, _operands(work, node, perm, 0, 1)), perm)


@rule("broadcast_to")
def _spread(work: Relayout, node: Node) -> None:
    if node.outputs[0].rank != _first(node).rank:
        return unmoved(work, node)
    perm = work.natural(_first(node))
    shape = tuple(node.attrs["shape"][axis] for axis in perm)
    return work.give(node, work.emit(node, _operands(work, node, perm, 0), shape=shape), perm)
