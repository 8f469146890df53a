"""Which module here defines what. Written by `python tests/indexes.py`."""

from __future__ import annotations

from ...catalogue import Index

INDEX: Index = {
    "attention": ("attention",),
    "chains": ("chain",),
    "classes": ("argmax", "argmin", "one_hot", "sparse_softmax_cross_entropy", "top_k"),
    "conv": ("conv", "fused_conv"),
    "conv_transpose": ("conv_transpose",),
    "convert": ("cast", "equal", "greater", "greater_equal", "less", "less_equal", "not_equal"),
    "dense": ("dense", "fused_dense"),
    "depthwise": (),
    "elements": ("argsort", "gather_elements", "gather_nd", "scatter_elements", "scatter_nd"),
    "few_filters": (),
    "gradients": ("avg_pool_gradient", "conv_kernel_gradient", "max_pool_gradient"),
    "grouped": (),
    "integer_depthwise": (),
    "integer_product": ("fused_integer_conv", "fused_integer_dense"),
    "integers": ("add", "maximum", "minimum", "mod", "mul", "sub", "where"),
    "levels": ("dynamic_quantize",),
    "lookup": ("gather", "gather_gradient"),
    "matmul": ("einsum", "matmul"),
    "movement": ("broadcast_to", "concat", "pad", "slice", "transpose"),
    "norms": ("group_norm", "l2_normalize", "layer_norm", "rms_norm"),
    "phases": (),
    "pool": ("avg_pool", "max_pool"),
    "random": ("random_uniform",),
    "recurrent": ("gru", "lstm", "simple_rnn"),
    "recurrent_gradient": ("gru_gradient", "lstm_gradient", "simple_rnn_gradient"),
    "reductions": ("log_softmax", "reduce_max", "reduce_mean", "reduce_min", "reduce_prod", "reduce_sum", "softmax"),
    "repetition": ("repeat", "tile"),
    "resample": ("resample", "resize"),
    "scans": ("cumprod", "cumsum"),
    "tiles": (),
    "updates": (),
    "views": ("expand_dims", "fold_time", "reshape", "squeeze", "unfold_time"),
    "windows": (),
    "winograd": (),
    "winograd_gradient": (),
    "winograd_groups": (),
}
