"""Products of what stands for steps, as products of the steps themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.ir import Builder, Graph, TensorType, Value
from kcompat.passes.fold_constants import fold_constants
from kcompat.passes.integer_products import integer_products
from kcompat.passes.remove_dead import remove_dead
from kcompat.passes.unsigned_steps import unsigned_steps
from kcompat.reference import evaluate

RANDOM = np.random.default_rng(3)
X = RANDOM.integers(-128, 128, (5, 8)).astype(np.int8)
W = RANDOM.integers(-128, 128, (8, 6)).astype(np.int8)
BIAS = RANDOM.integers(-900, 900, 6).astype(np.int32)


def scalar(value: float, dtype: str = "float32") -> np.ndarray:
    return np.asarray(value, dtype)


def product(b: Builder, x: Value, bias_scale: float = 0.5 * 0.25) -> Any:
    """Scales are powers of two, so that float32 is exact and both ways round alike."""
    steps = b.dequantize(x, scalar(0.5), scalar(7, "int8"))
    w = b.dequantize(W, scalar(0.25), scalar(0, "int8"))
    return b.dense(steps, w, b.dequantize(BIAS, scalar(bias_scale), scalar(0, "int32")))


def given(build: Any, dtype: str = "int8") -> Graph:
    b = Builder()
    return b.build([build(b, b.input(TensorType(dtype, X.shape)))])


def names(graph: Graph) -> list[str]:
    return [node.op.name for node in graph.nodes]


def check(graph: Graph, x: np.ndarray = X) -> Graph:
    made = remove_dead(integer_products(fold_constants(graph)))
    np.testing.assert_array_equal(evaluate(made, [x])[0], evaluate(graph, [x])[0])
    return made


def test_bias_clamp_and_rounding_are_in_the_store() -> None:
    made = check(given(lambda b, x: b.quantize(b.relu(product(b, x)), scalar(2.0), scalar(-20, "int8"))))
    assert names(made) == ["fused_integer_dense"]
    operands = dict(zip(("bias", "offset"), (made.nodes[0].inputs[4], made.nodes[0].inputs[6]), strict=True))
    assert operands["bias"] is not None
    assert operands["offset"] is None


def test_a_bias_of_another_scale_is_an_offset() -> None:
    made = check(given(lambda b, x: b.quantize(product(b, x, 0.0625), scalar(2.0), scalar(3, "int8"))))
    assert names(made) == ["fused_integer_dense"]
    assert made.nodes[0].inputs[4] is None
    assert made.nodes[0].inputs[6] is not None


def test_results_that_others_read_stay() -> None:
    def twice(b: Builder, x: Value) -> Any:
        y = product(b, x)
        return b.add(b.relu(y), y)

    assert names(check(given(twice))) == ["fused_integer_dense", "relu", "add"]


def test_steps_that_are_only_moved_stay_steps() -> None:
    scale, zero = scalar(0.5), scalar(7, "int8")

    def moved(b: Builder, x: Value) -> Any:
        y = b.pad(b.transpose(b.dequantize(x, scale, zero), perm=(1, 0)), pads=((0, 0), (1, 2)), mode="constant")
        return b.quantize(y, scale, zero)

    made = check(given(moved))
    assert names(made) == ["transpose", "pad"]
    assert made.outputs[0].dtype == "int8"


def test_steps_of_several_scales_are_put_together_as_steps() -> None:
    def together(b: Builder, x: Value) -> Any:
        one, other = b.dequantize(x, scalar(0.5), scalar(7, "int8")), b.dequantize(x, scalar(2.0), scalar(0, "int8"))
        return b.quantize(b.concat(one, other, axis=1), scalar(0.5), scalar(7, "int8"))

    made = check(given(together))
    assert names(made) == ["dequantize", "quantize", "concat"]


def test_a_sum_of_integers_by_a_computed_scale() -> None:
    """As a quantizer writes dynamic quantization."""

    def dynamic(b: Builder, x: Value) -> Any:
        steps, scale, zero = b.dynamic_quantize(x)
        sums = b.cast(b.integer_matmul(steps, W, zero), dtype="float32")
        return b.add(b.mul(sums, b.mul(scale, scalar(0.25))), np.arange(6, dtype=np.float32))

    made = check(given(dynamic, "float32"), X.astype(np.float32) / 3)
    assert names(made) == ["dynamic_quantize", "mul", "fused_integer_dense"]


def test_signed_steps_between_products_are_unsigned() -> None:
    def inner(b: Builder, x: Value) -> Any:
        y = b.quantize(b.dequantize(x, scalar(0.25), scalar(9, "uint8")), scalar(0.5), scalar(7, "int8"))
        return b.quantize(product(b, y), scalar(2.0), scalar(200, "uint8"))

    x = (X.astype(np.int16) + 128).astype(np.uint8)
    graph = check(given(inner, "uint8"), x)
    made = unsigned_steps(graph)
    assert {value.dtype for node in made.nodes for value in node.outputs} == {"float32", "uint8"}
    np.testing.assert_array_equal(evaluate(made, [x])[0], evaluate(graph, [x])[0])


def test_signed_inputs_stay() -> None:
    graph = check(given(lambda b, x: b.quantize(product(b, x), scalar(2.0), scalar(3, "int8"))))
    assert unsigned_steps(graph) is graph
