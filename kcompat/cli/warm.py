"""`kcompat warm`: kernels and code made ahead, for container images and first runs."""

from __future__ import annotations

import argparse

from ..executor import open_sizes_filled
from ..models import Model
from . import custom, model_file

HELP = "compile the kernels that models need, plan the models, and keep both on disk"

BATCHES = (1, 32)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("models", nargs="+", metavar="MODEL", help="model: .keras, .h5, .onnx, a SavedModel folder")
    parser.add_argument(
        "--batch", type=int, action="append", metavar="N", help="rows to compile for; may be given again (1 and 32)"
    )
    model_file.add_loading_arguments(parser)
    custom.add_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Compile what each model needs for some numbers of rows."""
    options.weights = None
    for path in options.models:
        options.model = path
        count = warm(model_file.load(options), options.batch or BATCHES)
        print(f"{path}: {count} kernels are ready")
    return 0


def warm(model: Model, batches: tuple[int, ...]) -> int:
    """Compile a model's kernels, and keep what it runs as; returns how many kernels it uses."""
    kernels = set()
    for batch in batches:
        shapes = open_sizes_filled(model.executor.graph, batch)
        program = model.executor.prepare(shapes)
        kernels |= program.kernels() if program is not None else set()
        if model.keeping is not None:
            model.keeping.keep(model, shapes)  # type: ignore[arg-type]  # all sizes are filled
    return len(kernels)
