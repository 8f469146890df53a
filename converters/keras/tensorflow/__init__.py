"""Functions of TensorFlow in Keras 2 models, as operations of Keras 3.

symbols      the table of functions; Size and Vector, the shapes that are open
elements     of each element and of pairs: arithmetic, comparisons, activations
reductions   over axes: sums, extremes, orders, norms; products of matrices
shapes       reshape, transpose, concat, slices, gathered elements, images
nodes        the operators of graphs in TensorFlowOpLayer
calls        FunctionNode, which the replay of a model calls in place of a layer
"""

from . import elements, reductions, shapes
from .calls import NODES, FunctionNode, is_function, kept, outputs_of

__all__ = ["NODES", "FunctionNode", "elements", "is_function", "kept", "outputs_of", "reductions", "shapes"]
