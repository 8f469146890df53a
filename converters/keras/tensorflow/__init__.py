"""Functions of TensorFlow in Keras 2 models, as operations of Keras 3.

symbols      the table of functions; Size and Vector, the shapes that are open
elements     of each element and of pairs: arithmetic, comparisons, activations
reductions   over axes: sums, extremes, orders, norms; products of matrices
shapes       reshape, transpose, concat, slices, gathered elements, images
nodes        the operators of graphs in TensorFlowOpLayer
calls        FunctionNode, which the replay of a model calls in place of a layer
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..spec import LayerSpec

if TYPE_CHECKING:
    from .calls import FunctionNode

NODES = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})
"""The classes that are functions of TensorFlow."""

_NEVER = frozenset({"ClassMethod", "InstanceMethod", "InstanceProperty"})
"""Classes that stand for methods of ragged and sparse tensors."""


def is_function(spec: LayerSpec) -> bool:
    """Whether a layer entry is a function of TensorFlow."""
    return spec.class_name in NODES | _NEVER


def function_node(spec: LayerSpec) -> FunctionNode:
    """What is called in place of a layer. Raises UnknownLayerError naming the function."""
    from .calls import FunctionNode

    return FunctionNode(spec)
