"""The intermediate representation: typed graphs of operators.

types      dtypes, open and known dimensions
variable   weights, owned by models
operator   what an operator card is
graph      Value, Node, Graph
builder    makes graphs, typing every node at once
verify     checks a graph's invariants
text       prints a graph
"""

from .builder import Builder
from .graph import Constant, Dequantized, Frozen, Graph, Node, Parameter, Result, Scaled, Transposed, Value
from .operator import OPERATORS, Operator, not_differentiable
from .text import graph_text
from .types import Dim, Shape, TensorType
from .variable import Variable
from .verify import verify

__all__ = [
    "OPERATORS",
    "Builder",
    "Constant",
    "Dequantized",
    "Dim",
    "Frozen",
    "Graph",
    "Node",
    "Operator",
    "Parameter",
    "Result",
    "Scaled",
    "Shape",
    "TensorType",
    "Transposed",
    "Value",
    "Variable",
    "graph_text",
    "not_differentiable",
    "verify",
]
