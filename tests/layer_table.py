"""Measures what every layer can do and writes docs/layers.md.

Usage: python tests/layer_table.py [--check]
--check writes nothing and fails if the page would change.
"""

from __future__ import annotations

import argparse
import runpy
import sys
import tempfile
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from cases import LayerCase, inference_cases
from engines import layer_graph
from golden import GoldenFile, golden_files

from kcompat import Input, Model, load_model
from kcompat.config import CLASSES
from kcompat.converters.keras.build import build_layer
from kcompat.converters.keras.spec import LayerSpec, Writer
from kcompat.errors import KcompatError
from kcompat.executor import Executor
from kcompat.ir import Graph
from kcompat.layers import Layer
from kcompat.layers.operations import Operation
from kcompat.plan.program import HostStep
from kcompat.reference import evaluate
from kcompat.tree import flatten

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "layers.md"
WRITERS = {"keras": Writer(3, "3.15.1"), "tf_keras": Writer(2, "2.21.0-tf")}
ERAS = {"keras1": "Keras 1", "keras2": "Keras 2", "tfkeras2": "Keras 2", "keras3": "Keras 3"}

INTRODUCTION = """\
# Layers

What each layer can do, measured by `python tests/layer_table.py`: a number is that of the reference cases that give
Keras's numbers, `3 of 4` says that one does not (or is refused, with a reason), an empty cell that there is none.

- **runs**: one layer, many options, against Keras 3.15 and tf_keras 2.21 (`fixtures/layers`)
- **compiled**: the same cases on kernels alone, with no step in NumPy
- **trains**: gradients by inputs and weights, against TensorFlow's
- **from Keras 1, 2, 3**: model files with the layer in them (`fixtures/golden`)
- **to .keras, to .h5, to .h5 of Keras 2, to ONNX**: each case of *runs* that a model of this layer alone can hold,
  written, read again and run
"""


@dataclass
class Count:
    """How many cases of one kind there are, and how many are right."""

    right: int = 0
    all: int = 0

    def add(self, right: bool) -> None:
        self.right += right
        self.all += 1

    def __str__(self) -> str:
        return "" if not self.all else str(self.all) if self.right == self.all else f"{self.right} of {self.all}"


@dataclass
class Row:
    """One layer's counts by column."""

    name: str
    counts: dict[str, Count] = field(default_factory=lambda: defaultdict(Count))


def layer_names() -> list[str]:
    """Keras's names of the layers, without the operations of keras.ops and Keras's base classes."""
    classes = set(CLASSES["keras.layers"].values())
    return sorted({_name(cls) for cls in classes if not issubclass(cls, Operation) and cls is not Layer})


def _name(cls: type[Layer]) -> str:
    return cls.keras_name or cls.__name__


def name_of(class_name: str) -> str | None:
    """The name under which a class in a file stands in the table."""
    cls = CLASSES["keras.layers"].get(class_name)
    return _name(cls) if cls is not None else None


def is_right(attempt: Callable[..., None], *arguments: Any) -> bool:
    """Whether something gives the right numbers, rather than others or a refusal."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            attempt(*arguments)
    except (KcompatError, AssertionError):
        return False
    return True


def make_layer(case: LayerCase) -> Layer:
    spec = LayerSpec(case.class_name, case.config["name"], case.config, module="keras.layers")
    layer: Layer = build_layer(spec, WRITERS[case.era], {})
    return layer


def make_model(case: LayerCase) -> Model:
    """The layer alone in a model. The batch is open, unless the layer keeps states."""
    layer = make_layer(case)
    fixed = case.config.get("stateful", False)
    inputs = [
        Input(batch_shape=(len(array) if fixed else None, *shape[1:]), dtype=_dtype(array))
        for array, shape in zip(case.inputs, case.input_shapes, strict=True)
    ]
    outputs = layer(*case.arguments(inputs))
    model = Model(inputs if len(inputs) > 1 else inputs[0], outputs)
    layer.set_weights(case.weights)
    return model


def _dtype(array: np.ndarray) -> str:
    return "string" if array.dtype.kind in "OUS" else array.dtype.name


def compare(actual: Iterable[np.ndarray], case: LayerCase) -> None:
    for array, expected in zip(actual, case.outputs, strict=True):
        assert array.shape == expected.shape
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(array, expected)


def graph_of(case: LayerCase) -> Graph:
    layer = make_layer(case)
    layer_graph(layer, case.inputs, case.input_shapes, case.arguments, case.call_kwargs)
    layer.set_weights(case.weights)
    return layer_graph(layer, case.inputs, case.input_shapes, case.arguments, case.call_kwargs)


def run_layer(case: LayerCase) -> None:
    compare(evaluate(graph_of(case), case.inputs), case)


def compile_layer(case: LayerCase) -> None:
    """What runs has a kernel for every step."""
    executor = Executor(graph_of(case))
    program = executor.program([array.shape for array in case.inputs])
    assert program is not None
    assert not [step for step in program.steps if isinstance(step, HostStep)]
    compare(executor(case.inputs), case)


def run_model(model: Model, case: LayerCase) -> None:
    compare(flatten(model(case.inputs if len(case.inputs) > 1 else case.inputs[0])), case)


def through(case: LayerCase, save: Callable[[Model, Path], None], ending: str) -> None:
    """The case as a model, after it was written to a file and read again."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"model{ending}"
        save(make_model(case), path)
        run_model(load_model(path), case)


def to_onnx(model: Model, path: Path) -> None:
    from kcompat.converters.onnx import save_model

    save_model(model, path)


WRITTEN: Mapping[str, tuple[Callable[[Model, Path], None], str]] = {
    "to .keras": (lambda model, path: model.save(path), ".keras"),
    "to .h5": (lambda model, path: model.save(path), ".h5"),
    "to .h5 of Keras 2": (lambda model, path: model.save(path, form="keras2"), ".h5"),
    "to ONNX": (to_onnx, ".onnx"),
}
COLUMNS = ["runs", "compiled", "trains", "Keras 1", "Keras 2", "Keras 3", *WRITTEN]


@cache
def gradients() -> Callable[[LayerCase], None]:
    found: Callable[[LayerCase], None] = runpy.run_path(str(TESTS / "layers" / "test_gradients.py"))["test_gradients"]
    return found


def measure_computed(row: Row, cases: Iterable[LayerCase]) -> None:
    for case in cases:
        row.counts["runs"].add(is_right(run_layer, case))
        row.counts["compiled"].add(is_right(compile_layer, case))
        if case.gradient_names:
            row.counts["trains"].add(is_right(gradients(), case))


def measure_written(row: Row, cases: Iterable[LayerCase]) -> None:
    for case in cases:
        for column, (save, ending) in WRITTEN.items() if not case.call_kwargs else ():
            row.counts[column].add(is_right(through, case, save, ending))


def measure_files(rows: Mapping[str, Row], files: Iterable[GoldenFile]) -> None:
    for file in files:
        right = is_right(_check_file, file)
        era = next(title for start, title in ERAS.items() if file.record["era"].startswith(start))
        for name in {name_of(class_name) for class_name in file.record["layers"]} & set(rows):
            rows[name].counts[era].add(right)


def _check_file(file: GoldenFile) -> None:
    file.check(file.load())


@cache
def cases_by_layer() -> Mapping[str | None, list[LayerCase]]:
    """The cases of layers alone, in inference."""
    by_name: dict[str | None, list[LayerCase]] = defaultdict(list)
    for case in inference_cases():
        by_name[name_of(case.class_name)].append(case)
    return by_name


def measure() -> dict[str, Row]:
    """All rows by the names of the layers."""
    rows = {name: Row(name) for name in layer_names()}
    for name, row in rows.items():
        measure_computed(row, cases_by_layer()[name])
        measure_written(row, cases_by_layer()[name])
    measure_files(rows, golden_files("load"))
    return rows


def page(rows: Mapping[str, Row]) -> str:
    head = [f"| layer | {' | '.join(COLUMNS)} |", f"|---|{'---|' * len(COLUMNS)}"]
    lines = [f"| {row.name} | {' | '.join(str(row.counts[column]) for column in COLUMNS)} |" for row in rows.values()]
    totals = {column: Count() for column in COLUMNS}
    for row in rows.values():
        for column, count in row.counts.items():
            totals[column].right += count.right
            totals[column].all += count.all
    lines.append(f"| **all** | {' | '.join(str(totals[column]) for column in COLUMNS)} |")
    return "\n".join([INTRODUCTION, *head, *lines]) + "\n"


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--check", action="store_true", help="write nothing, fail if the page would change")
    options = parser.parse_args(arguments)
    text = page(measure())
    if options.check:
        current = PAGE.read_text(encoding="utf-8") == text
        print("docs/layers.md is current" if current else "docs/layers.md is not current")
        return 0 if current else 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
