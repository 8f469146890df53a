"""`kcompat show`: what a model file holds."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..executor import open_sizes_filled
from ..ir import graph_text
from ..models import Model
from ..models.graph_model import GraphModel
from ..models.summary import readable_size
from ..plan.text import program_text
from . import model_file

HELP = "show layers, inputs, outputs and origin of a model"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    model_file.add_arguments(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--graph", action="store_true", help="the operators that run, one a line")
    form.add_argument("--plan", action="store_true", help="what runs: kernels, memory, fusions")
    form.add_argument("--json", action="store_true", help="the same facts as JSON")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="rows that --plan plans for (1)")
    parser.add_argument("--expand-nested", action="store_true", help="list the layers of models inside")


def run(options: argparse.Namespace) -> int:
    """Show the layers, inputs and outputs of a model, and who wrote its file."""
    model = model_file.load(options, weights_needed=False)
    if options.graph:
        print(graph_text(model.graph()))
    elif options.plan:
        print(plan_text(model, options.batch))
    elif options.json:
        print(json.dumps(facts(model, options.model), indent=2))
    else:
        model.summary(expand_nested=options.expand_nested)
        print("\n".join(_lines(facts(model, options.model))))
    return 0


def plan_text(model: Any, batch: int) -> str:
    """What runs for inputs of `batch` rows; other open sizes are taken to be 1."""
    executor, rest = (model.executor, "") if _is_one_graph(model) else model.program.beginning(batch)
    shapes = open_sizes_filled(executor.graph, batch)
    program = executor.program(shapes)
    if program is None:
        return "The graph runs as a whole on its NumPy meanings: sizes depend on values, or it holds strings."
    text = program_text(program, executor.optimized(shapes))
    return f"{text}\n{rest}" if rest else text


def _is_one_graph(model: Any) -> bool:
    return not isinstance(model, GraphModel) or model.program.graph() is not None


def facts(model: Model, path: str) -> dict[str, Any]:
    """File, inputs, outputs and layers as JSON-ready values; an unbuilt model has no inputs yet."""
    from ..converters.file_info import describe

    return {
        "file": {"path": path, **vars(describe(path))},
        "model": {
            "name": model.name,
            "class": type(model).__name__,
            "parameters": model.count_params(),
            "trainable_parameters": sum(w.size for w in model.trainable_weights),
        },
        "inputs": _tensors(model.input_names, model.inputs) if model.built else [],
        "outputs": _tensors(model.output_names, model.outputs) if model.built else [],
        "layers": [
            {"name": layer.name, "class": type(layer).__name__, "parameters": layer.count_params()}
            for layer in model.layers
        ],
    }


def _tensors(names: list[str], tensors: list[Any]) -> list[dict[str, Any]]:
    return [{"name": n, "shape": list(t.shape), "dtype": t.dtype} for n, t in zip(names, tensors, strict=True)]


def _lines(found: dict[str, Any]) -> list[str]:
    file = found["file"]
    keras = f"Keras {file['keras_version']}" if file["keras_version"] else None
    unnamed = "a program that left no name" if file["format"].startswith("ONNX") else "a Keras that left no version"
    writer = keras or file["producer"] or unnamed
    backend = f" on {file['backend']}" if file["backend"] else ""
    date = f", {file['saved_at']}" if file["saved_at"] else ""
    lines = [f"{title.capitalize()}: {_tensor(t)}" for title in ("input", "output") for t in found[f"{title}s"]]
    return [
        *(f" {line}" for line in lines),
        f" File: {file['format']}, {readable_size(file['size'])}, written by {writer}{backend}{date}",
        *([f" Origin: {file['origin']}"] if file["origin"] else []),
    ]


def _tensor(tensor: dict[str, Any]) -> str:
    return f"{tensor['name']} ({', '.join(map(str, tensor['shape']))}) {tensor['dtype']}"
