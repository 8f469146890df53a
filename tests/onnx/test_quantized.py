"""Quantized models against onnxruntime: ../../fixtures/generators/quantized.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from engines import ENGINES, sharing_all_steps
from onnx import TensorProto, helper

import kcompat
from kcompat.errors import LoadError
from kcompat.executor import Executor
from kcompat.ir import Graph
from kcompat.plan.program import HostStep

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "quantized"
STEPS = json.loads((FOLDER / "index.json").read_text())["steps"]
REFERENCES = np.load(FOLDER / "references.npz")
LANES = (16, 8, 4)


def graph_of(name: str) -> Graph:
    graph = kcompat.load_model(str(FOLDER / f"{name}.onnx")).program.graph()
    assert graph is not None
    return graph


def hold(name: str, y: np.ndarray) -> None:
    """What is in steps differs by one step at most, and where QLinear operators say how to round, not at all; all else
    by rounding. Means of few steps often lie halfway between two."""
    wanted = REFERENCES[f"{name}_y"]
    assert y.dtype == wanted.dtype
    step = STEPS[name] if y.dtype == np.float32 else 1
    distance = np.abs(y.astype(np.float64) - wanted)
    if step:
        steps = np.rint(distance / step)
        assert steps.max() <= ("qop" not in name)
        assert np.mean(steps) < 0.25
    else:
        assert np.all(distance <= 1e-5 + 1e-4 * np.abs(wanted))


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("name", STEPS)
def test_compiled(name: str, lanes: int) -> None:
    graph, x = graph_of(name), REFERENCES[f"{name}_x"]
    executor = Executor(graph, lanes=lanes)
    (y,) = executor([x])
    hold(name, y)
    program = executor.program([x.shape])
    assert program is not None
    assert [step.node.op.name for step in program.steps if isinstance(step, HostStep)] == []
    with sharing_all_steps(2):
        assert Executor(graph, lanes=lanes)([x])[0].tobytes() == y.tobytes()


@pytest.mark.parametrize("engine", ["meaning", "row_by_row", "in_strips", "exact"])
@pytest.mark.parametrize("name", STEPS)
def test_engines(name: str, engine: str) -> None:
    hold(name, ENGINES[engine].run(graph_of(name), [REFERENCES[f"{name}_x"]])[0])


@pytest.mark.parametrize("name", ["images_qdq_i8i8_channels", "images_qop_u8u8", "images_dyn_u8", "vectors_qdq_u8i8"])
def test_products_are_of_integers(name: str) -> None:
    x = REFERENCES[f"{name}_x"]
    program = Executor(graph_of(name)).program([x.shape])
    assert program is not None
    labels = [step.label for step in program.steps if not isinstance(step, HostStep)]
    products = [label for label in labels if "conv" in label or "dense" in label or "depthwise" in label]
    assert len(products) == (5 if "images" in name else 3)
    assert all(label.startswith("integer") for label in products)


@pytest.mark.parametrize("name", STEPS)
def test_written_again(name: str, tmp_path: Path) -> None:
    """Steps and products of them stay such in ONNX files."""
    kcompat.load_model(str(FOLDER / f"{name}.onnx")).save(str(tmp_path / "again.onnx"))
    onnx.checker.check_model(tmp_path / "again.onnx", full_check=True)
    again = kcompat.load_model(str(tmp_path / "again.onnx")).program.graph()
    assert again is not None
    hold(name, Executor(again)([REFERENCES[f"{name}_x"]])[0])


def test_channels_last_is_refused(tmp_path: Path) -> None:
    model = onnx.load(FOLDER / "global.onnx")
    model.graph.node[0].attribute.append(helper.make_attribute("channels_last", 1))
    onnx.save(model, tmp_path / "last.onnx")
    with pytest.raises(LoadError, match="QLinearGlobalAveragePool"):
        kcompat.load_model(str(tmp_path / "last.onnx"))


def test_a_range_of_zeros_has_scale_one() -> None:
    """As onnxruntime has it; ONNX's own body divides by zero."""
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4])]
    outputs = [onnx.ValueInfoProto(name=name) for name in ("y", "scale", "zero")]
    node = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "scale", "zero"])
    proto = helper.make_model(helper.make_graph([node], "g", inputs, outputs))
    from kcompat.converters.onnx.model import model_from_proto

    y, scale, zero = model_from_proto(proto).program.run({"x": np.zeros(4, np.float32)})
    assert (y == 0).all()
    assert (scale, zero) == (1, 0)
