"""Keras 1.x and 0.3: configs in the words of Keras 2, weights in the layouts of kcompat's layers.

detection   which documents are of this generation
models      Sequential lists, functional graphs, branches joined by a Merge
layers      one layer's config; objects: its regularizers, constraints, initializers
merge       Merge -> Add, Multiply, Concatenate, ...
windows     padding "full", outputs of stated size
weights     arrays: gates packed, kernels transposed, Theano's kernels turned
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompat.catalogue import on_demand

_NAMES = {
    "convert_weights": "weights",
    "is_keras1": "detection",
    "known_backend": "weights",
    "upgrade": "models",
}
"""Public name -> the file that defines it; imported on first use."""

__all__ = sorted(_NAMES)
__getattr__, __dir__ = on_demand(__name__, _NAMES)

if TYPE_CHECKING:
    from .detection import is_keras1 as is_keras1
    from .models import upgrade as upgrade
    from .weights import convert_weights as convert_weights
    from .weights import known_backend as known_backend
