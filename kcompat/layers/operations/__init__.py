"""The operations of `keras.ops` as they stand in functional models: one class each.

operation    Operation, the base of all, and the tables
operands     numbers, arrays and Values as operands; promotion: the dtypes in which they meet
functions    of each element of one tensor
arithmetic   of pairs of elements; comparisons, logic, where, clip, cast
reductions   sum ... var, any, norm
ordering     argmax, sort, top_k, cumsum
shapes       reshape, transpose, concatenate, split, pad
indexing     get_item, take, one_hot, tril
products     matmul, einsum, tensordot
neural       activations, normalisation, attention
windows      convolution, pooling, patches
images       resize, crop, pad, colours

A class has the name, module and config of Keras 3.15. A file is imported when one of its classes is
asked for: to add an operation, write its class in the file of its kind, with `@operation`, and run
`python tests/indexes.py`.
"""

from __future__ import annotations

from ...catalogue import part
from ...config import announce
from .index import INDEX
from .operation import FUNCTIONS, MODULES, Operation

announce(__name__, INDEX)
FUNCTIONS.announce(__name__, part(INDEX, FUNCTIONS.what))

__all__ = ["FUNCTIONS", "MODULES", "Operation"]
