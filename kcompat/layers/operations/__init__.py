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

A class has the name, module and config of Keras 3.15. All files are imported: to add an operation,
write its class in the file of its kind, with `@operation`.
"""

from __future__ import annotations

import importlib
import pkgutil

from .operation import FUNCTIONS, MODULES, Operation

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = ["FUNCTIONS", "MODULES", "Operation"]
