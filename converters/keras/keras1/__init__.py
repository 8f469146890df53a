"""Keras 1.x and 0.3: configs in the words of Keras 2, weights in the layouts of kcompat's layers.

detection   which documents are of this generation
models      Sequential lists, functional graphs, branches joined by a Merge
layers      one layer's config; objects: its regularizers, constraints, initializers
merge       Merge -> Add, Multiply, Concatenate, ...
windows     padding "full", outputs of stated size
weights     arrays: gates packed, kernels transposed, Theano's kernels turned
"""

from .detection import is_keras1
from .models import upgrade
from .weights import convert_weights, known_backend

__all__ = ["convert_weights", "is_keras1", "known_backend", "upgrade"]
