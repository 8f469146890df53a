"""Every operator of the IR: one card each, defined once.

arithmetic   add, mul, comparisons, logic, where, cast
activation   relu ... softmax
linear       dense, matmul, einsum
conv         conv, conv_transpose
pool         max_pool, avg_pool, adaptive
norm         batch, layer, group, rms, l2
reduce       sum, mean, max, min, prod over axes
shape        reshape, transpose, concat, pad, slice, repeat
resize       interpolation

To add an operator: write its card in the file of its kind, or in a new file named here.
"""

from . import activation, arithmetic, conv, linear, norm, pool, reduce, resize, shape

__all__ = ["activation", "arithmetic", "conv", "linear", "norm", "pool", "reduce", "resize", "shape"]
