"""Every function of kcompat.ops against what keras.ops computes: at once, in models, and in Keras's own config."""

from __future__ import annotations

import inspect
import json
from operator import attrgetter
from typing import Any

import numpy as np
import pytest
from engines import ENGINES
from operation_cases import OperationCase, all_cases, signatures

import kcompat
from kcompat import ops
from kcompat.converters.keras.architecture import serialize_model
from kcompat.ir import verify
from kcompat.ir.types import fits
from kcompat.layers.operations import FUNCTIONS
from kcompat.models import Functional, model_from_json
from kcompat.naming import reset_names

CASES = all_cases()
RUNS = {name: engine.run for name, engine in ENGINES.items() if name != "round_trip"}


def listed(outputs: Any) -> list[Any]:
    return list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]


def call(case: OperationCase, inputs: list[Any]) -> list[Any]:
    args, kwargs = case.arguments(inputs)
    return listed(attrgetter(case.function)(ops)(*args, **kwargs))


def assert_same(actual: list[np.ndarray], expected: list[np.ndarray]) -> None:
    assert len(actual) == len(expected)
    for array, reference in zip(actual, expected, strict=True):
        assert array.shape == reference.shape
        assert array.dtype == reference.dtype
        if reference.dtype.kind == "f":
            np.testing.assert_allclose(array, reference, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(array, reference)


def make_model(case: OperationCase) -> Functional:
    """A model of the call alone, whose inputs are open or known as they were in Keras."""
    reset_names()
    inputs = [
        kcompat.Input(
            batch_shape=(None, *array.shape[1:]) if case.open_batch else array.shape,
            dtype=array.dtype.name,
            name=f"input_{index}",
        )
        for index, array in enumerate(case.inputs)
    ]
    return Functional(inputs, call(case, inputs))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_at_once(case: OperationCase) -> None:
    assert_same(call(case, case.inputs), case.outputs)


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_in_a_model(case: OperationCase, run: Any) -> None:
    assert_same(run(verify(make_model(case).graph()), case.inputs), case.outputs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_declared_shapes(case: OperationCase) -> None:
    """What Keras rightly knows of the outputs before the model runs, kcompat knows too."""
    tensors = make_model(case).outputs
    for tensor, (shape, _), array in zip(tensors, case.declared, case.outputs, strict=True):
        assert fits(array.shape, tensor.shape)
        if fits(array.shape, shape):
            assert fits(tensor.shape, shape)
            known = [size for size, declared in zip(tensor.shape, shape, strict=True) if declared is not None]
            assert None not in known


@pytest.mark.parametrize("case", [case for case in CASES if case.node], ids=str)
def test_config(case: OperationCase) -> None:
    """The node is written as Keras writes it: class, module, config, arguments."""
    layers = json.loads(json.dumps(serialize_model(make_model(case))))["config"]["layers"]
    assert case.node is not None
    node = next(layer for layer in layers if layer["class_name"] != "InputLayer")
    assert_equivalent(node, case.node)


def assert_equivalent(node: dict[str, Any], expected: dict[str, Any]) -> None:
    for key in ("module", "class_name", "registered_name", "config", "name", "inbound_nodes"):
        assert node[key] == expected[key]


@pytest.mark.parametrize("case", [case for case in CASES if case.node], ids=str)
def test_keras_config_is_read(case: OperationCase) -> None:
    """A model that holds Keras's own entry for the operation computes the same."""
    document = serialize_model(make_model(case))
    layers = document["config"]["layers"]
    ends = [[case.node["name"], 0, index] for index in range(len(case.outputs))]  # type: ignore[index]
    document["config"] |= {
        "layers": [*(layer for layer in layers if layer["class_name"] == "InputLayer"), case.node],
        "output_layers": ends,
    }
    model = model_from_json(json.dumps({**document, "keras_version": "3.15.1"}))
    assert_same(ENGINES["meaning"].run(verify(model.graph()), case.inputs), case.outputs)


def test_every_function_has_a_case() -> None:
    assert {case.function for case in CASES} >= set(FUNCTIONS)


def test_signatures() -> None:
    """Arguments have the names and the order that they have in Keras."""
    expected = signatures()
    for name in FUNCTIONS:
        ours = list(inspect.signature(attrgetter(name)(ops)).parameters)
        theirs = [key for key in expected[name] if key not in ("args", "kwargs")]
        assert ours[: len(theirs)] == theirs, name
