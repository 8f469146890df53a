"""Raising ONNX graphs to layers of Keras.

canonical   weights as arrays, idioms of several operators as the one that they mean
raiser      tensors that hold values in an order of their axes; what handlers use
names       layers' names from nodes'
images      which values have channels
model       graph -> Functional

Idioms and handlers, by kind: dense, windows, pooling, normal, activations, elementwise, reductions, movement,
reshaping.
"""

from .model import Raising, raise_model, to_keras

__all__ = ["Raising", "raise_model", "to_keras"]
