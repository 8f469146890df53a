"""Every layer against what real Keras computes, on every engine."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from cases import LayerCase, inference_cases
from engines import ENGINES, Shapes, layer_graph

from kcompat.config import CLASSES
from kcompat.converters.keras.build import build_layer
from kcompat.converters.keras.spec import LayerSpec, Writer
from kcompat.errors import UnknownLayerError
from kcompat.ir import Graph
from kcompat.ir.types import fits
from kcompat.layers import Layer
from kcompat.layers.symbolic import public_shape

TABLE = CLASSES["keras.layers"]
CASES = inference_cases()
WRITERS = {"keras": Writer(3, "3.15.1"), "tf_keras": Writer(2, "2.21.0-tf")}


def make_layer(case: LayerCase) -> Layer:
    """The layer as the reader of model files makes it."""
    spec = LayerSpec(case.class_name, case.config["name"], case.config, module="keras.layers")
    return build_layer(spec, WRITERS[case.era], {})


def make_graph(case: LayerCase, layer: Layer, shapes: Shapes) -> Graph:
    return layer_graph(layer, case.inputs, shapes, case.arguments, case.call_kwargs)


def make_built(case: LayerCase) -> Layer:
    layer = make_layer(case)
    make_graph(case, layer, case.input_shapes)
    layer.set_weights(case.weights)
    return layer


def open_inner(shape: tuple[Any, ...], config: dict[str, Any]) -> tuple[Any, ...]:
    """The shape with every size open but that of the channels."""
    channels = 1 if config.get("data_format") == "channels_first" else len(shape) - 1
    return tuple(size if axis == channels else None for axis, size in enumerate(shape))


def assert_same(actual: np.ndarray, expected: np.ndarray) -> None:
    assert actual.shape == expected.shape
    if expected.dtype.kind == "f":
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    else:
        assert actual.dtype.kind == expected.dtype.kind or expected.dtype.kind == "U"
        np.testing.assert_array_equal(actual, expected)


def check_outputs(case: LayerCase, engine: str, shapes: Shapes) -> None:
    layer = ENGINES[engine].prepare(make_built(case))
    graph = make_graph(case, layer, shapes)
    outputs = ENGINES[engine].run(graph, case.inputs)
    assert len(outputs) == len(case.outputs)
    for value, actual, expected in zip(graph.outputs, outputs, case.outputs, strict=True):
        assert fits(expected.shape, value.shape)
        assert_same(actual, expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs(case: LayerCase, engine: str) -> None:
    check_outputs(case, engine, case.input_shapes)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_with_open_sizes(case: LayerCase, engine: str) -> None:
    check_outputs(case, engine, [open_inner(shape, case.config) for shape in case.input_shapes])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_output_shapes(case: LayerCase) -> None:
    """With the batch open and the other sizes known, every other size of the outputs is known."""
    shapes: Shapes = [(None, *array.shape[1:]) for array in case.inputs]
    graph = make_graph(case, make_layer(case), shapes)
    expected = [(None, *array.shape[1:]) for array in case.outputs]
    if is_as_long_as_its_texts(case.config):
        expected = [(None, None)]
    assert [public_shape(value.type) for value in graph.outputs] == expected
    if not case.call_kwargs and len(case.arguments(shapes)) == 1:
        shape = make_layer(case).compute_output_shape(*case.arguments(shapes))
        assert shape == (expected[0] if len(expected) == 1 else expected)


def is_as_long_as_its_texts(config: dict[str, Any]) -> bool:
    """Whether the outputs have a size that only the data tell."""
    unlimited = config.get("output_sequence_length", 0) is None and config["output_mode"] == "int"
    return unlimited and (config["split"] is not None or config["ngrams"] is not None)


@pytest.mark.parametrize("case", [case for case in CASES if case.era == "keras"], ids=str)
def test_config(case: LayerCase) -> None:
    """`get_config` of the built layer is what Keras wrote, entry by entry and in its order."""
    config = json.loads(json.dumps(make_built(case).get_config()))
    assert config == (case.config if case.weight_paths else without_build_config(case.config))
    assert list(config) == list(case.config)


def without_build_config(config: dict[str, Any]) -> dict[str, Any]:
    """A wrapper's config without the shapes that its layers were built for, which only weights need."""

    def without(inner: dict[str, Any]) -> dict[str, Any]:
        return {key: inner[key] for key in inner if key != "build_config"}

    if "layer" in config:
        return {**config, "layer": without(config["layer"])}
    return {**config, "layers": [*map(without, config["layers"])]} if "layers" in config else config


@pytest.mark.parametrize("case", CASES, ids=str)
def test_weights(case: LayerCase) -> None:
    """Shapes and order of every generation, names of Keras 3: Keras 2 has other names for some."""
    weights = make_built(case).weights
    assert [weight.shape for weight in weights] == [array.shape for array in case.weights]
    if case.era == "keras":
        assert [weight.name for weight in weights] == [path.split("/")[-1] for path in case.weight_paths]
        assert all(path.endswith(weight.path) for weight, path in zip(weights, case.weight_paths, strict=True))


def test_every_recorded_layer_is_there() -> None:
    assert {case.class_name for case in CASES} <= set(TABLE)


def test_an_unknown_layer_is_refused_by_name() -> None:
    spec = LayerSpec("Densest", "d", {"name": "d"}, module="keras.layers")
    with pytest.raises(UnknownLayerError, match=r"layer 'd' \(Densest\)"):
        build_layer(spec, WRITERS["keras"], {})
