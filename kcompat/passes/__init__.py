"""Passes: functions from graphs to graphs, one a file; the pipelines are tuples of them.

differentiate     the backward nodes of a loss
freeze            weights become constants
specialize        sizes of inputs become known
known_sizes       nothing reads a tensor for its shape alone
absorb_transposes a dense makes its images as they are asked for
decompose         operators that kernels compute in parts
fold_constants    what depends on constants alone is computed
fold_batch_norm   normalisation goes into the product before it
fuse_epilogues    residual sums and clamps go into the product before them
fuse_elementwise  pointwise operators become chains
remove_dead       what no output needs goes
layout            all images with their channels last, or first
"""
