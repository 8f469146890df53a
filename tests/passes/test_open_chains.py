"""Chains whose sizes become known with the inputs' shapes."""

from __future__ import annotations

import numpy as np

from kcompat import operators as operators
from kcompat.ir import Builder, Graph, TensorType, verify
from kcompat.passes.pipelines import optimize
from kcompat.passes.specialize import specialize
from kcompat.reference import evaluate


def gates() -> Graph:
    """sigmoid(a) * tanh(b) + a of the halves of x, whose number of rows is open."""
    b = Builder()
    x = b.reshape(b.input(TensorType("float32", ("batch", 3, 8))), shape=(-1, 8))
    first, second = (
        b.slice(x, starts=(start,), stops=(start + 4,), steps=(1,), axes=(1,)) for start in (0, 4)
    )  # fmt: skip
    return b.build([b.add(b.mul(b.sigmoid(first), b.tanh(second)), first)])


def test_they_fuse_for_known_shapes() -> None:
    graph = gates()
    x = np.random.default_rng(0).normal(size=(5, 3, 8)).astype(np.float32)
    special = verify(specialize(optimize(graph), [x.shape]))
    chains = [node for node in special.nodes if node.op.name == "chain"]
    assert [[name for name, _, _ in node.attrs["program"]] for node in chains] == [["sigmoid", "tanh", "mul", "add"]]
    np.testing.assert_allclose(evaluate(special, [x])[0], evaluate(graph, [x])[0], rtol=1e-6)


def test_what_is_read_twice_stays_apart() -> None:
    b = Builder()
    x = b.reshape(b.input(TensorType("float32", ("batch", 4))), shape=(-1, 4))
    shared = b.exp(x)
    graph = b.build([b.mul(shared, b.sin(x)), shared])
    special = specialize(optimize(graph), [(6, 4)])
    assert sorted(len(node.attrs["program"]) for node in special.nodes if node.op.name == "chain") == [1, 2]
