"""Keras 1.x and 0.3: configs in the words of Keras 2, weights in the layouts of kcompat's layers.

detection   which documents are of this generation
models      Sequential lists, functional graphs, branches joined by a Merge
layers      one layer's config; objects: its regularizers, constraints, initializers
merge       Merge -> Add, Multiply, Concatenate, ...
theano      paddings that Theano alone has, as layers that everyone has
weights     arrays: gates packed, kernels transposed, Theano's kernels turned
"""

from .detection import is_keras1
from .models import upgrade
from .theano import check_paddings
from .weights import backend_of, convert_weights

__all__ = ["backend_of", "check_paddings", "convert_weights", "is_keras1", "upgrade"]
