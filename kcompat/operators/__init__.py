"""Every operator of the IR: one card each, defined once.

arithmetic   add, mul, comparisons, logic, where, cast
activation   relu ... softmax
losses       cross-entropies from logits
training     stop_gradient, straight_through
gradients    what gradients of cards have in common
linear       dense, matmul, einsum
attention    attention, causal_mask
conv         conv, conv_transpose; conv_gradients: by kernel and input
local_conv   a kernel for every position
pool         max_pool, avg_pool, adaptive; pool_gradients: the way back
norm         batch, layer, group, rms, l2
reduce       sum, mean, max, min, prod over axes
scan         cumsum, cumprod
order        argmax, argmin, argsort, top_k
gather       gather, gather_elements
recurrent    simple_rnn, lstm, gru, conv_lstm over whole sequences
fold         time into the batch axis and out of it
shape        reshape, transpose, concat, pad, slice, repeat
expand       broadcast_to, broadcast_like, tile, size
trigonometry sin ... atanh, atan2, expm1, log1p
rounding     floor, ceil, sign, floor_div, mod
bits         bitwise and, or, xor, not, shifts
numbers      fmod, is_inf, float_to_int
scatter      gather_nd, scatter_nd, scatter_elements
pool_places  max pooling with the places of the largest
resize       interpolation
aspect       crop_to_ratio, pad_to_ratio
histogram    clahe
spectrum     stft
encoding     one_hot, bin_count, bucketize
hashing      hash_bins, cross_bins
lookup       lookup, token_at
text         tokenize
ctc          connectionist temporal classification
resample     positions as weighted sums of others
quantized    numbers as steps of a scale, products of them; fused_integer: with what follows

A file is imported when one of its cards is asked for, and its cards enter themselves in
`kcompat.ir.OPERATORS`: to add an operator, write its card in the file of its kind, or in a new file,
and run `python tests/indexes.py`.
"""

from ..ir.operator import OPERATORS
from .index import INDEX

OPERATORS.announce(__name__, INDEX)
