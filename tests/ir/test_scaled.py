"""Constants that are another one times factors, and take memory only while they are read."""

import gc

import numpy as np

from kcompat.ir import Constant, Scaled
from kcompat.passes.pipelines import optimize


def test_it_is_the_product_in_the_constants_dtype():
    source = Constant(np.arange(6, dtype=np.float32).reshape(2, 3), "kernel")
    scaled = Scaled(source, np.array([1.0, 0.1, 10.0]))
    assert scaled.type == source.type
    assert scaled.name == "kernel"
    assert scaled.data.dtype == np.float32
    assert (scaled.data == (source.data * np.array([1.0, 0.1, 10.0])).astype(np.float32)).all()


def test_it_is_kept_as_long_as_someone_holds_it():
    scaled = Scaled(Constant(np.ones((2, 3), np.float32)), np.full(3, 2.0))
    held = scaled.data
    assert scaled.data is held
    held[:] = 7
    assert (scaled.data == 7).all()
    del held
    gc.collect()
    assert (scaled.data == 2).all()


def test_a_folded_normalisation_keeps_no_second_copy_of_the_weights():
    from kcompat import Input, Sequential, layers

    model = Sequential([Input((8, 8, 3)), layers.Conv2D(4, 3), layers.BatchNormalization()])
    graph = optimize(model.graph())
    (kernel,) = (constant for constant in graph.constants() if constant.shape == (3, 3, 3, 4))
    assert isinstance(kernel, Scaled)
